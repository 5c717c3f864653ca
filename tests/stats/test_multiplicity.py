import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from posterity.stats.multiplicity import benjamini_hochberg, holm, two_sided

P = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


@given(P)
def test_benjamini_hochberg_is_the_same_as_scipy(p):
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))


@given(P)
def test_holm_lies_between_the_p_values_and_bonferroni_and_keeps_their_order(p):
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1, p.min() * len(p)))


def test_holm_of_an_example():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_what_is_not_known_counts_for_nothing(adjust):
    found = adjust(np.array([0.01, np.nan, 0.04]))
    np.testing.assert_array_equal(found[[0, 2]], adjust(np.array([0.01, 0.04])))
    assert np.isnan(found[1])
    assert adjust(np.array([])).shape == (0,)


def test_two_sided_p_values():
    np.testing.assert_allclose(two_sided(np.array([1.959964, -1.959964, 0, np.inf])), [0.05, 0.05, 1, 0], atol=1e-6)
