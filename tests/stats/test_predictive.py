import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import bdtr, expit
from scipy.stats import binom

from posterity.errors import ModelError
from posterity.stats.predictive import (
    exceedance_binomial,
    exceedance_draws,
    mcse_by_batches,
    summarise_binomial,
    summarise_draws,
)

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
TOLERANCE = 5e-4  # in the distribution function; 4,000 independent draws leave an error of 3e-3 at the lowest level
ENDLESS = 2e-3  # the same where there are so many trials that the blocks of draws show


def draws_of_p(rows, draws=2000, seed=0):
    """Wide and narrow posteriors of probabilities between about 0.01 and 0.7."""
    rng = np.random.default_rng(seed)
    centre, width = rng.normal(-1.5, 1, rows), rng.uniform(0.01, 0.8, rows)
    return expit(centre + width * rng.standard_normal((draws, rows)))


def mixture_cdf(p, trials, count):
    return float(bdtr(float(count), int(trials), p).mean()) if count >= 0 else 0.0


def error_of_quantile(p, trials, quantile, level):
    """By how much the mixture's exact distribution function misses the level at a quantile: 0 where it is right."""
    count = round(quantile * trials)
    assert quantile * trials == pytest.approx(count, abs=1e-6)
    return max(level - mixture_cdf(p, trials, count), mixture_cdf(p, trials, count - 1) - level, 0.0)


@pytest.mark.parametrize("most", [3, 60, 500, 3000, 1_000_000])
def test_quantiles_are_those_of_the_exact_mixture(most):
    p = draws_of_p(60)
    trials = np.random.default_rng(1).integers(1, most + 1, 60)
    found = summarise_binomial(p, trials, LEVELS)
    errors = [
        error_of_quantile(p[:, row], trials[row], found.quantiles[row, i], level)
        for row in range(60)
        for i, level in enumerate(LEVELS)
    ]
    assert max(errors) < (TOLERANCE if most < 10_000 else ENDLESS)


def test_moments_and_quantiles_agree_with_simulated_counts():
    p, trials = draws_of_p(20, draws=20_000), np.random.default_rng(1).integers(5, 200, 20)
    shares = np.random.default_rng(2).binomial(trials, p) / trials
    found = summarise_binomial(p, trials, LEVELS)
    error = shares.std(axis=0) / np.sqrt(len(shares))
    assert (np.abs(found.mean - shares.mean(axis=0)) < 4 * error).all()
    np.testing.assert_allclose(found.sd, shares.std(axis=0), rtol=0.03)
    # A count that the simulation has at a level within its error: at most one step apart.
    steps = np.abs(found.quantiles - np.quantile(shares, LEVELS, axis=0, method="inverted_cdf").T) * trials[:, None]
    assert steps.max() < 1 + 1e-9
    assert (steps > 0.5).mean() < 0.1


@settings(max_examples=40)
@given(st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_a_row_does_not_depend_on_its_company(trials, seed):
    p = draws_of_p(40, draws=300, seed=seed)
    n = np.full(40, trials)
    together = summarise_binomial(p, n, LEVELS)
    alone = summarise_binomial(p[:, 7:8], n[7:8], LEVELS)
    for name in ("mean", "sd", "mcse", "quantiles", "latent"):
        np.testing.assert_array_equal(getattr(together, name)[7:8], getattr(alone, name))


@settings(max_examples=40)
@given(st.integers(1, 3000), st.floats(0, 1), st.integers(1, 50))
@example(trials=1, p=1 - 2.0**-53, draws=9)
def test_a_certain_probability_leaves_the_binomial_itself(trials, p, draws):
    found = summarise_binomial(np.full((draws, 1), p), np.array([trials]), LEVELS)
    same = np.array([float(np.float32(p))])
    errors = [error_of_quantile(same, trials, q, level) for q, level in zip(found.quantiles[0], LEVELS, strict=True)]
    assert max(errors) < TOLERANCE
    # Near 0 and 1 the mean of the draws is known to the last bit of p, and the root of that bit is 1.5e-8.
    assert found.sd[0] == pytest.approx(np.sqrt(p * (1 - p) / trials), abs=1e-7)


@pytest.mark.parametrize("events", [0.01, 0.5, 1.0, 3.0, 20.0])
@pytest.mark.parametrize("rare", [True, False])
def test_rare_events_among_very_many_trials(events, rare):
    trials = 100_000
    p = np.random.default_rng(0).gamma(20, events / 20 / trials, (500, 8))
    p = p if rare else 1 - p
    found = summarise_binomial(p, np.full(8, trials), LEVELS)
    errors = [
        error_of_quantile(p[:, row], trials, found.quantiles[row, i], level)
        for row in range(8)
        for i, level in enumerate(LEVELS)
    ]
    assert max(errors) < TOLERANCE


@pytest.mark.parametrize("trials", [50, 5000])
def test_probabilities_at_the_ends(trials):
    found = summarise_binomial(np.array([[0.0, 1.0]] * 10), np.array([trials, trials]), LEVELS)
    np.testing.assert_array_equal(found.quantiles, [[0.0] * 5, [1.0] * 5])
    np.testing.assert_array_equal(found.sd, 0)


def test_no_trials_no_prediction():
    found = summarise_binomial(draws_of_p(3), np.array([10, 0, 10]), LEVELS)
    for values in (found.mean, found.sd, found.mcse, found.quantiles):
        assert np.isnan(values[1]).all()
        assert np.isfinite(values[[0, 2]]).all()
    assert np.isfinite(found.latent).all()


def test_no_rows():
    assert summarise_binomial(np.empty((100, 0)), np.array([]), LEVELS).quantiles.shape == (0, 5)
    assert summarise_draws(np.empty((100, 0)), LEVELS).latent.shape == (0, 100)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 1.1])
def test_draws_that_are_no_probabilities_are_refused_by_row(bad):
    p = draws_of_p(200)
    p[17, 140] = bad
    with pytest.raises(ModelError, match="row 140"):
        summarise_binomial(p, np.full(200, 10), LEVELS)


@pytest.mark.parametrize("bad", [-1, 2.5, np.nan])
def test_trials_that_are_no_counts_are_refused(bad):
    with pytest.raises(ModelError, match="whole"):
        summarise_binomial(draws_of_p(2), np.array([3, bad]), LEVELS)


def test_draws_are_summarised_like_numpy():
    values = np.random.default_rng(0).gamma(2.0, size=(999, 150))
    found = summarise_draws(values, LEVELS, chains=3)
    np.testing.assert_allclose(found.quantiles, np.quantile(values, LEVELS, axis=0).T, rtol=1e-12)
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    np.testing.assert_allclose(found.sd, values.std(axis=0, ddof=1))
    middle = np.quantile(values, (np.arange(100) + 0.5) / 100, axis=0).T
    np.testing.assert_allclose(found.latent, middle, rtol=1e-6)


def test_nan_in_draws_is_refused_by_row():
    values = np.zeros((50, 300))
    values[3, 299] = np.nan
    with pytest.raises(ModelError, match="row 299"):
        summarise_draws(values, LEVELS)


def test_batch_means_know_the_error_of_autocorrelated_draws():
    """AR(1) with ρ = 0.6 has an ESS of a quarter of its draws."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((400, 4, 1000))
    for i in range(1, 1000):
        noise[:, :, i] = 0.6 * noise[:, :, i - 1] + 0.8 * noise[:, :, i]
    found = mcse_by_batches(noise.reshape(400, 4000), chains=4)
    assert np.median(found) == pytest.approx(1 / np.sqrt(1000), rel=0.08)
    z = noise.mean(axis=(1, 2)) / found
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.05, abs=0.035)


def test_batch_means_of_chains_that_disagree_are_wide():
    values = np.random.default_rng(0).standard_normal((1, 4, 1000))
    values[0, 0] += 10
    assert mcse_by_batches(values.reshape(1, -1), 4)[0] > 10 * mcse_by_batches(values[:, 1:].reshape(1, -1), 3)[0]


def test_one_draw_has_no_known_error_and_chains_have_equal_length():
    assert np.isnan(mcse_by_batches(np.ones((2, 1)), 1)).all()
    with pytest.raises(ModelError, match="10 draws cannot come from 3 chains"):
        mcse_by_batches(np.ones((1, 10)), 3)


def test_the_probability_of_exceeding_a_share_is_that_of_the_mixture() -> None:
    rng = np.random.default_rng(3)
    p, trials = rng.beta(3, 7, (500, 4)), np.array([1.0, 20.0, 333.0, 0.0])
    found = exceedance_binomial(p, trials, 0.3)
    for row in range(3):
        exact = binom.sf(np.floor(0.3 * trials[row] + 1e-9), trials[row], p[:, row]).mean()
        assert found[row] == pytest.approx(exact, abs=1e-9)
    assert np.isnan(found[3])


def test_a_share_that_equals_the_threshold_does_not_exceed_it() -> None:
    assert exceedance_binomial(np.ones((10, 1)), np.array([7.0]), 1.0) == pytest.approx([0.0])
    assert exceedance_binomial(np.full((10, 1), 0.3), np.array([10.0]), 0.3) == pytest.approx(binom.sf(3, 10, 0.3))
    assert exceedance_binomial(np.full((10, 1), 0.3), np.array([10.0]), -0.1) == pytest.approx([1.0])


def test_the_probability_of_exceeding_a_number_is_the_share_of_draws_above_it() -> None:
    assert exceedance_draws(np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]), 2.0).tolist() == [1 / 3, 1.0]
