"""The fast forms of softplus and the logistic function are the functions themselves."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from posterity.sampling.jaxify import logistic_of, softplus_of

finite = st.floats(-700, 700)


@given(finite)
def test_softplus_is_exact_to_rounding(x):
    assert float(softplus_of(x)) == pytest.approx(float(np.logaddexp(0, x)), rel=2e-15)


@given(finite)
def test_the_logistic_function_is_exact_to_rounding(x):
    assert float(logistic_of(x)) == pytest.approx(float(expit(x)), rel=2e-15)


@pytest.mark.parametrize("x", [-1e308, -750.0, 0.0, 750.0, 1e308])
def test_extreme_arguments_neither_overflow_nor_lose_the_derivative(x):
    value, slope = jax.value_and_grad(softplus_of)(x)
    assert float(value) == pytest.approx(max(x, 0.0), abs=1.0)
    assert float(slope) == pytest.approx(float(expit(x)), abs=1e-15)


def test_derivatives_are_those_of_the_functions():
    x = np.linspace(-30, 30, 101)
    share = expit(x)
    np.testing.assert_allclose(jax.vmap(jax.grad(softplus_of))(x), share, rtol=1e-14)
    np.testing.assert_allclose(jax.vmap(jax.grad(logistic_of))(x), share * (1 - share), rtol=1e-12)
