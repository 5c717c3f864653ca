from dataclasses import replace

import numpy as np
import pytest

from posterity.report.scoring import Coverage, MetricRow, Scores, scoring_section
from posterity.report.scoring_plots import calibration

from .examples import EVIL, scores
from .wellformed import read


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_any_number_of_rows(rows):
    section = scoring_section(scores(rows))
    reader = read(section.html)
    assert EVIL in reader.content
    assert section.verdict == "bad"
    assert "Beyond its declared limit: loss" in section.summary
    assert f"Worse than {EVIL}" in section.summary


def test_the_first_run_has_nothing_to_score_and_says_why():
    section = scoring_section(None, "No month is over yet.")
    assert (section.verdict, section.summary) == ("", "No month is over yet.")
    read(section.html)


def test_bare_scores():
    section = scoring_section(Scores("x"))
    assert section.verdict == "ok"
    assert "No limits are declared" in section.summary
    read(section.html)


def test_scores_of_rows_without_outcome():
    hollow = replace(scores(10), pit=np.full(10, np.nan), observed=np.full(10, np.nan))
    read(scoring_section(hollow).html)


@pytest.mark.parametrize(
    ("metrics", "coverage", "verdict"),
    [
        ([MetricRow("crps", 1.0, limit="at most 2", holds=True)], [], "ok"),
        ([MetricRow("crps", 3.0, limit="at most 2", holds=False)], [], "bad"),
        ([], [Coverage(0.9, 0.7, 0.85, 0.95)], "warn"),
        ([], [Coverage(0.9, 0.88, 0.85, 0.95)], "ok"),
    ],
)
def test_the_verdict_follows_limits_and_coverage(metrics, coverage, verdict):
    assert scoring_section(Scores("x", metrics, coverage)).verdict == verdict


def test_calibration_of_a_calibrated_forecast_is_on_the_line():
    rng = np.random.default_rng(0)
    predicted, trials = rng.beta(4, 14, 5000), rng.integers(20, 200, 5000)
    observed = rng.binomial(trials, predicted) / trials
    groups = calibration(predicted, observed, trials.astype(float))
    assert groups.shape == (10, 3)
    assert np.all(np.diff(groups[:, 0]) > 0)
    assert np.all(np.abs(groups[:, 1] - groups[:, 0]) < 3.5 * groups[:, 2])


def test_calibration_ignores_rows_without_trials_or_outcome():
    nan = np.array([0.1, 0.2, np.nan, 0.4])
    assert len(calibration(np.full(4, 0.2), nan, np.array([1.0, 1.0, 5.0, 0.0]))) == 1
    assert calibration(np.zeros(0), np.zeros(0), None).shape == (0, 3)
