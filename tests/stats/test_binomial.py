import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from posterity.stats.binomial import cdf, cdf_table, mixture_cdf, quick_cdf, reach


@given(st.integers(1, 3000), st.lists(st.floats(0, 1), min_size=1, max_size=5), st.integers(0, 3000))
def test_a_table_is_the_same_as_scipy(trials, probabilities, first):
    counts = np.arange(min(first, trials), min(first + 30, trials) + 1)
    p = np.array(probabilities)
    table = cdf_table(p, trials, int(counts[0]), int(counts[-1]))
    np.testing.assert_allclose(table, binom.cdf(counts[None, :], trials, p[:, None]), atol=1e-10)


@pytest.mark.parametrize("trials", [1, 40, 40_000, 10_000_000])
def test_single_values_are_the_same_as_scipy(trials):
    p = np.array([0.0, 1e-6, 0.01, 0.4, 0.4003, 1.0])
    for count in (-1, 0, 0.4 * trials // 1, trials - 1, trials):
        found = cdf(np.array(count), np.array(trials), p)
        np.testing.assert_allclose(found, binom.cdf(count, trials, p), atol=1e-8)


@pytest.mark.parametrize("trials", [10.0, 2000.0, 1e6])
def test_the_approximation_keeps_its_word(trials):
    for count in (0.0, 1.0, 2.0, 5.0, trials // 3, trials - 3, trials - 1, trials):
        around = count / trials + np.linspace(-8, 8, 400) * np.sqrt((count + 1) * (trials - count + 1) / trials**3)
        p = np.clip(np.append(around, [0, 1]), 0, 1)
        error = np.abs(quick_cdf(np.array(count), np.array(trials), p) - binom.cdf(count, trials, p)).max()
        assert error < (4e-4 if 2 <= count <= trials - 3 else 4e-3)


def test_a_mixture_is_the_mean():
    p = np.array([[0.1, 0.5], [0.3, 0.3]])
    found = mixture_cdf(np.array([2.0, 4.0]), np.array([10.0, 20.0]), p)
    wanted = [binom.cdf(2, 10, [0.1, 0.5]).mean(), binom.cdf(4, 20, 0.3)]
    np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.3, 1.0])
@pytest.mark.parametrize("trials", [1, 2, 17, 3000, 100_000])
def test_no_mass_lies_out_of_reach(p, trials):
    angle = float(np.arcsin(np.sqrt(p)))
    first, last = reach(angle, angle, trials)
    assert 0 <= first <= last <= trials
    assert binom.cdf(first - 1, trials, p) < 1e-8
    assert binom.sf(last, trials, p) < 1e-8
