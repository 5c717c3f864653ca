import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from posterity.stats.latent import distribution, levels, log_density, share_distribution, share_log_probability

QUANTILES = st.lists(st.integers(-20, 20), min_size=2, max_size=30).map(lambda found: np.sort(np.array(found, float)))


def many(quantiles, at):
    return np.broadcast_to(quantiles, (len(at), len(quantiles)))


@pytest.mark.parametrize("spread", [0.01, 1.0, 300.0])
def test_the_density_integrates_to_one(spread):
    quantiles = spread * norm.ppf(levels(100))
    at = spread * np.linspace(-12, 12, 200_001) + 1e-9
    density = np.exp(log_density(many(quantiles, at), at))
    assert np.trapezoid(density, at) == pytest.approx(1, abs=1e-3)


def test_the_distribution_is_the_integral_of_the_density():
    quantiles = norm.ppf(levels(50))
    at = np.linspace(-6, 6, 60_001) + 1e-9
    integral = np.cumsum(np.exp(log_density(many(quantiles, at), at))) * (at[1] - at[0])
    np.testing.assert_allclose(distribution(many(quantiles, at), at)[1], integral, atol=2e-3)


def test_density_and_distribution_come_near_the_normal_ones():
    at = np.linspace(-2, 2, 41) + 1e-4
    quantiles = many(norm.ppf(levels(100)), at)
    np.testing.assert_allclose(distribution(quantiles, at)[0], norm.cdf(at), atol=2e-3)
    np.testing.assert_allclose(log_density(quantiles, at), norm.logpdf(at), atol=0.15)


@given(QUANTILES, st.lists(st.integers(-30, 30), min_size=2, max_size=10))
def test_the_distribution_rises_from_0_to_1_also_with_ties(quantiles, points):
    at = np.sort(np.array(points, float))
    below, upto = distribution(many(quantiles, at), at)
    assert ((below >= 0) & (below <= upto) & (upto <= 1)).all()
    assert (np.diff(upto) >= -1e-12).all()
    assert np.isfinite(log_density(many(quantiles, at), at)).all()


def test_a_point_has_its_own_probability():
    """Delays in whole minutes: 3 of 10 draws are 2."""
    quantiles = np.array([[0.0, 1, 1, 2, 2, 2, 3, 3, 4, 5]])
    below, upto = distribution(quantiles, np.array([2.0]))
    assert (below[0], upto[0]) == (0.3, 0.6)
    assert np.exp(log_density(quantiles, np.array([2.0]))[0]) == pytest.approx(0.3)


def test_a_forecast_that_is_a_point_is_punished_but_not_endlessly():
    certain = np.full((3, 10), 5.0)
    found = log_density(certain, np.array([4.0, 5.0, 6.0]))
    assert found[1] > 20
    assert (found[[0, 2]] < -300).all()
    assert np.isfinite(found).all()


@given(st.integers(1, 60), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_probabilities_of_all_counts_add_up(trials, p):
    counts = np.arange(trials + 1.0)
    latent, n = many(np.array(p), counts), np.full(trials + 1, float(trials))
    mass = np.exp(share_log_probability(latent, counts, n))
    assert mass.sum() == pytest.approx(1, abs=1e-9)
    below, upto = share_distribution(latent, counts, n)
    np.testing.assert_allclose(upto, np.cumsum(mass), atol=1e-9)
    np.testing.assert_allclose(upto - below, mass, atol=1e-9)
