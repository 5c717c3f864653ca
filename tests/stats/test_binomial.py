import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from posterity.stats.binomial import ALL_COUNTS, cdf_table, counts_between, log_pmf, spread


@given(st.integers(1, ALL_COUNTS), st.lists(st.floats(0, 1), min_size=1, max_size=5), st.integers(0, 100))
def test_consecutive_counts_are_tabulated_like_scipy(trials, probabilities, first):
    counts = np.arange(min(first, trials), min(first + 30, trials) + 1)
    p = np.array(probabilities)
    table = cdf_table(p, trials, counts)
    np.testing.assert_allclose(table, binom.cdf(counts[None, :], trials, p[:, None]), atol=1e-11)


@pytest.mark.parametrize("trials", [ALL_COUNTS + 1, 40_000, 10_000_000])
def test_counts_far_apart_are_tabulated_like_scipy(trials):
    p = np.array([0.0, 1e-6, 0.01, 0.4, 0.4003, 1.0])
    step = spread(trials)
    counts = counts_between(float(np.arcsin(np.sqrt(0.39))), float(np.arcsin(np.sqrt(0.41))), trials, step)
    assert len(counts) < 3000
    np.testing.assert_allclose(cdf_table(p, trials, counts), binom.cdf(counts[None, :], trials, p[:, None]), atol=1e-8)


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.3, 1.0])
@pytest.mark.parametrize("trials", [1, 2, 17, 3000, 100_000])
def test_no_mass_lies_outside_the_counts_in_reach(p, trials):
    angle = float(np.arcsin(np.sqrt(p)))
    counts = counts_between(angle, angle, trials, spread(trials))
    below, above = binom.cdf(counts[0] - 1, trials, p), binom.sf(counts[-1], trials, p)
    assert max(below, above) < 1e-8
    assert counts[0] >= 0
    assert counts[-1] <= trials


def test_log_probabilities_at_the_ends():
    found = log_pmf(np.array([0.0, 0.5, 1.0]), 3, np.arange(4))
    assert found[0, 0] == pytest.approx(0)
    assert found[2, 3] == pytest.approx(0)
    assert (found[0, 1:] < -500).all()
    np.testing.assert_allclose(found[1], np.log([1 / 8, 3 / 8, 3 / 8, 1 / 8]))
