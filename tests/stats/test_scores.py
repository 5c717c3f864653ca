import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, kstest, norm

from posterity.errors import ModelError
from posterity.stats import scores
from posterity.stats.latent import levels

SEEDS = st.integers(0, 2**32 - 1)


def normal_forecasts(rows, mean=0.0, sd=1.0):
    return np.broadcast_to(mean + sd * norm.ppf(levels(100)), (rows, 100))


def share_forecasts(rows, seed=0, shift=0.0, width=0.4):
    """Latent probabilities and outcomes drawn from what they forecast (shifted by `shift` on the logit scale)."""
    rng = np.random.default_rng(seed)
    centre, trials = rng.normal(-1.2, 0.7, rows), rng.integers(1, 200, rows)
    latent = 1 / (1 + np.exp(-(centre[:, None] + shift + width * norm.ppf(levels(100)))))
    p = 1 / (1 + np.exp(-(centre + width * rng.standard_normal(rows))))
    return latent, rng.binomial(trials, p) / trials, trials.astype(float)


def test_crps_of_a_normal_forecast_is_the_closed_form():
    y = np.linspace(-3, 3, 61)
    exact = y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(scores.crps(normal_forecasts(61), y), exact, atol=0.006)


def test_crps_of_shares_is_what_simulation_gives():
    latent, outcome, trials = share_forecasts(30)
    rng = np.random.default_rng(1)
    shares = rng.binomial(
        trials.astype(int)[:, None], latent[np.arange(30)[:, None], rng.integers(0, 100, (30, 40_000))]
    )
    shares = shares / trials[:, None]
    simulated = np.abs(shares - outcome[:, None]).mean(axis=1) - 0.5 * np.abs(shares[:, ::2] - shares[:, 1::2]).mean(
        axis=1
    )
    np.testing.assert_allclose(scores.crps(latent, outcome, trials), simulated, atol=0.002)


@pytest.mark.parametrize("trials", [1999, 2001, 50_000])
def test_crps_of_many_trials_is_the_sum_over_all_counts(trials):
    latent = np.sort(np.random.default_rng(0).beta(20, 60, (1, 100)))
    for count in (0, trials // 5, trials // 4, trials):
        cdf = binom.cdf(np.arange(trials)[:, None], trials, latent).mean(axis=1)
        exact = np.square(cdf - (np.arange(trials) >= count)).sum() / trials
        found = scores.crps(latent, np.array([count / trials]), np.array([trials]))
        assert found[0] == pytest.approx(exact, rel=1e-4)


@given(st.integers(1, 500), st.data())
def test_a_certain_share_that_comes_true_costs_nothing(trials, data):
    p = data.draw(st.sampled_from([0.0, 1.0]))
    latent = np.full((1, 5), p)
    assert scores.crps(latent, np.array([p]), np.array([trials]))[0] == pytest.approx(0, abs=1e-9)
    assert scores.log_score(latent, np.array([p]), np.array([trials]))[0] == pytest.approx(0, abs=1e-6)
    assert scores.crps(latent, np.array([1 - p]), np.array([trials]))[0] == pytest.approx(1, abs=1e-9)


def test_a_perfect_number_costs_nothing():
    assert scores.crps(np.full((1, 100), 3.0), np.array([3.0]))[0] == 0
    assert scores.crps(np.full((1, 100), 3.0), np.array([5.0]))[0] == pytest.approx(2)


@settings(max_examples=25)
@given(st.floats(-1, 1), st.floats(0.3, 3), SEEDS)
def test_scores_of_numbers_are_proper(shift, scale, seed):
    """On average nobody scores better than who states the truth."""
    y = np.random.default_rng(seed).standard_normal(2000)
    truth, other = normal_forecasts(2000), normal_forecasts(2000, shift, scale)
    for score in (scores.crps, scores.log_score):
        gap = score(other, y) - score(truth, y)
        assert gap.mean() > -4 * gap.std() / np.sqrt(len(gap)) - 0.02


@settings(max_examples=15)
@given(st.floats(-1, 1), SEEDS)
def test_scores_of_shares_are_proper(shift, seed):
    truth, outcome, trials = share_forecasts(300, seed)
    other = share_forecasts(300, seed, shift)[0]
    for score in (scores.crps, scores.log_score):
        gap = score(other, outcome, trials) - score(truth, outcome, trials)
        assert gap.mean() > -4 * gap.std() / np.sqrt(len(gap)) - 1e-3


@settings(max_examples=25)
@given(st.floats(0.01, 100), st.floats(-50, 50), SEEDS)
def test_crps_has_the_outcome_s_unit(scale, shift, seed):
    rng = np.random.default_rng(seed)
    latent, y = np.sort(rng.standard_normal((5, 100))), rng.standard_normal(5)
    np.testing.assert_allclose(
        scores.crps(scale * latent + shift, scale * y + shift), scale * scores.crps(latent, y), atol=1e-9
    )


def test_calibrated_forecasts_cover_their_level_and_have_a_uniform_pit():
    latent, outcome, trials = share_forecasts(4000)
    y = np.random.default_rng(3).standard_normal(4000)
    for found in (scores.pit(latent, outcome, trials), scores.pit(normal_forecasts(4000), y)):
        assert kstest(found, "uniform").pvalue > 0.001
    for level in (0.5, 0.9):
        low, high = scores.coverage_interval(level, 4000, 0.999)
        assert low <= scores.covered(latent, outcome, level, trials).mean() <= high
        assert low <= scores.covered(normal_forecasts(4000), y, level).mean() <= high


def test_the_right_width_is_covered_with_few_trials_too():
    """One flight a month: the outcome is 0 or 1, and yet 90 % means 90 %."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, (5000, 1))
    outcome = (rng.random(5000) < p[:, 0]).astype(float)
    assert scores.covered(p, outcome, 0.9, np.ones(5000)).mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("width", [0.1, 1.2])
def test_forecasts_too_narrow_or_too_wide_are_seen(width):
    _, outcome, trials = share_forecasts(2000, width=0.4)
    wrong = share_forecasts(2000, width=width)[0]
    low, high = scores.coverage_interval(0.9, 2000)
    assert not low <= scores.covered(wrong, outcome, 0.9, trials).mean() <= high


def test_pit_is_repeatable():
    latent, outcome, trials = share_forecasts(50)
    np.testing.assert_array_equal(scores.pit(latent, outcome, trials), scores.pit(latent, outcome, trials))
    assert (scores.pit(latent, outcome, trials, seed=1) != scores.pit(latent, outcome, trials)).any()


def test_coverage_limits_are_binomial():
    low, high = scores.coverage_interval(0.9, 500)
    assert binom.cdf(round(high * 500), 500, 0.9) - binom.cdf(round(low * 500) - 1, 500, 0.9) >= 0.95
    assert 0.86 < low < 0.9 < high < 0.94
    assert scores.coverage_interval(0.9, 0) == (0.0, 1.0)


def test_exceedance_is_the_complement_of_the_distribution():
    p = np.full((1, 3), 0.3)
    assert scores.exceedance(p, 0.2, np.array([10.0]))[0] == pytest.approx(binom.sf(2, 10, 0.3))
    assert scores.exceedance(p, 1.0, np.array([10.0]))[0] == pytest.approx(0)
    assert scores.exceedance(normal_forecasts(1), 1.0)[0] == pytest.approx(norm.sf(1), abs=2e-3)


def test_rows_without_outcome_or_trials_have_no_score():
    latent = np.full((3, 4), 0.5)
    outcome, trials = np.array([np.nan, 0.5, 0.5]), np.array([4.0, 0.0, 2.0])
    for found in (
        scores.crps(latent, outcome, trials),
        scores.log_score(latent, outcome, trials),
        scores.pit(latent, outcome, trials),
    ):
        assert np.isfinite(found).tolist() == [False, False, True]
    assert np.isnan(scores.exceedance(latent, 0.2, trials)[1])
    assert np.isnan(scores.crps(latent, outcome)[0])


@pytest.mark.parametrize("bad", [1.5, -0.5, 0.33])
def test_outcomes_that_are_no_shares_are_refused_by_row(bad):
    with pytest.raises(ModelError, match="row 1"):
        scores.crps(np.full((2, 3), 0.5), np.array([0.5, bad]), np.array([2.0, 2.0]))


def test_better_equal_and_worse():
    rng = np.random.default_rng(0)
    old = rng.gamma(2, size=400)
    noise = rng.normal(0, 0.1, 400)
    assert scores.paired(old - 0.1 + noise, old).verdict == "better"
    assert scores.paired(old + 0.1 + noise, old).verdict == "worse"
    assert scores.paired(old + noise - noise.mean(), old).verdict == "equal"
    assert scores.paired(old, old) == scores.Paired(0.0, 0.0, "equal")
    assert scores.paired(old + 1e-16, old).verdict == "equal"


@pytest.mark.parametrize("clusters", [None, 12, 40])
def test_two_equal_forecasts_are_rarely_told_apart(clusters):
    """Rows of a cluster share an error: without the clusters half of these would be found different."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        groups = None if clusters is None else rng.integers(0, clusters, 300)
        shared = 0.0 if groups is None else rng.standard_normal(clusters)[groups]
        gap = rng.standard_normal(300) + shared
        found.append(scores.paired(gap, np.zeros(300), groups, rng.integers(1, 50, 300)).verdict != "equal")
    assert 0.01 < np.mean(found) < 0.12


def test_weights_count_rows_several_times():
    new, old, times = np.array([1.0, 2.0, 4.0]), np.zeros(3), np.array([1, 2, 3])
    groups = np.arange(3)
    weighted = scores.paired(new, old, groups, times)
    repeated = scores.paired(np.repeat(new, times), np.repeat(old, times), np.repeat(groups, times))
    assert weighted == repeated


def test_one_row_one_cluster_and_no_row_say_nothing_or_what_they_can():
    assert scores.paired(np.array([1.0]), np.array([2.0])) == scores.Paired(-1.0, 0.0, "equal")
    assert scores.paired(np.array([]), np.array([])).verdict == "equal"
    gap = np.random.default_rng(0).normal(1, 0.1, 50)
    assert scores.paired(gap, np.zeros(50), np.zeros(50)).verdict == "worse"
    assert scores.paired(np.array([1.0, np.nan, 1.1]), np.array([0.0, 0.0, np.nan])).difference == 1.0
