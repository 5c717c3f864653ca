import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterity.stats.convergence import summarise
from posterity.stats.drift import DriftReport, Finding, Summary, alarm, climb, false_alarms, no_baseline, structure

from .chains import autoregressive

RELATIONS = ("same", "nested", "rolling")


def summary(mean, sd=1.0, mcse=0.01, materiality=None, labels=None, unit="minutes"):
    mean = np.asarray(mean, float)
    count = len(mean)
    labels = tuple(labels or (str(i) for i in range(count)))
    columns = [tuple(map(float, np.broadcast_to(value, count))) for value in (mean, sd, mcse)]
    return Summary(("carrier",) * count, labels, (unit,) * count, *columns, (materiality,) * count)


def of_chains(values):
    found = summarise(values)
    return summary(found.mean, found.sd, found.mcse_mean)


def drifts(reports):
    return np.mean([report.verdict == "drift" for report in reports])


@pytest.mark.parametrize("rho", [0.6, 0.905])
def test_two_runs_of_one_posterior_are_the_same(rho):
    """ESS per draw of 0.25 and 0.05, where KS finds a difference in 31 and 76 % of single quantities."""
    reports = [
        climb(
            of_chains(autoregressive(4, 1000, 20, rho, seed=2 * seed)),
            of_chains(autoregressive(4, 1000, 20, rho, seed=2 * seed + 1)),
            "same",
        )
        for seed in range(60)
    ]
    assert drifts(reports) < 0.15  # nominal 0.05 that any of 20 differs


def test_a_shift_of_a_fifth_of_a_deviation_is_found_between_two_runs():
    old, new = autoregressive(4, 10_000, 20), autoregressive(4, 10_000, 20, seed=1)
    new[:, :, 3] += 0.2
    report = climb(of_chains(old), of_chains(new), "same")
    assert report.verdict == "drift"
    assert [finding.label for finding in report.findings if finding.drifted] == ["3"]
    assert any("fault" in sentence for sentence in report.summary)


def grown(growth, ess=1000, quantities=30, runs=10, surprise=0.0, seed=0):
    """Summaries of normal means before and (several) after the data grew by a share: exactly what the model expects."""
    rng = np.random.default_rng(seed)
    old, new = 1.0, (1 + growth) ** -0.5

    def estimated(mean, sd):
        shown = sd * (1 + rng.standard_normal(quantities) / np.sqrt(2 * ess))
        return summary(mean + rng.standard_normal(quantities) * sd / np.sqrt(ess), shown, shown / np.sqrt(ess), 0.0)

    before = estimated(np.zeros(quantities), old)
    shift = surprise * (np.arange(quantities) == 0)
    moved = rng.standard_normal((runs, quantities)) * np.sqrt(old**2 - new**2) + shift
    return [before, *(estimated(means, new) for means in moved)]


@pytest.mark.parametrize("ess", [400, 4000])
@pytest.mark.parametrize("growth", [0.01, 0.03, 0.1, 0.3, 1.0, 5.0])
def test_growing_data_do_not_alarm_at_any_growth(growth, ess):
    """With everything material. Without the allowance for the error of s² this is up to 1.0 at small growth."""
    histories = [grown(growth, ess, seed=seed) for seed in range(20)]
    rates = [false_alarms(history, history[0], history[1], "nested") for history in histories]
    assert np.mean(rates) < 0.1


def test_a_change_beyond_what_the_data_explain_is_found():
    old, *later = grown(0.3, surprise=3.0, runs=40)
    reports = [climb(old, new, "nested") for new in later]
    found = [any(row.drifted and row.label == "0" for row in report.findings) for report in reports]
    assert np.mean(found) > 0.9


def test_the_usual_rule_would_alarm():
    """|Δm| > 0.1 sd fires at nearly every growth; the martingale z does not."""
    old, new = grown(0.5, runs=1)
    assert np.any(np.abs(np.subtract(new.mean, old.mean)) > 0.1)
    assert climb(old, new, "nested").verdict == "stable"


def test_rolling_windows_of_one_process_do_not_alarm():
    means = np.random.default_rng(0).standard_normal((40, 5, 30))
    histories = [[summary(mean, materiality=0.0) for mean in block] for block in means]
    assert np.mean([false_alarms(history, history[0], history[1], "rolling") for history in histories]) < 0.11


def test_a_posterior_that_got_wider_is_judged_by_the_bound():
    old, new = summary([0.0], sd=1.0), summary([1.5], sd=1.5)
    assert climb(old, new, "nested").findings[0].z == pytest.approx(1.5, rel=0.01)
    assert climb(old, summary([6.0], sd=1.5), "nested").verdict == "drift"


def test_significant_is_not_material():
    old, new = summary([0.0], sd=1.0, materiality=5.0), summary([4.0], sd=0.9, materiality=5.0)
    report = climb(old, new, "nested")
    assert report.verdict == "stable"
    assert report.findings[0].significant
    assert "too small to matter" in report.summary[0]
    assert climb(summary([0.0]), summary([4.0], sd=0.9), "nested").findings[0].materiality == 0.25


@settings(max_examples=20)
@given(st.floats(0.01, 100), st.floats(-100, 100), st.sampled_from(RELATIONS))
def test_the_unit_of_a_quantity_means_nothing(scale, shift, relation):
    mean = np.array([0.0, 0.4, 3.0, -8.0])
    plain = climb(summary(mean * 0), summary(mean, sd=0.8), relation)
    scaled = climb(
        summary(mean * 0 + shift, scale, 0.01 * scale),
        summary(scale * mean + shift, 0.8 * scale, 0.01 * scale),
        relation,
    )
    assert [row.label for row in plain.findings if row.drifted] == [row.label for row in scaled.findings if row.drifted]


@settings(max_examples=20)
@given(st.permutations(range(6)), st.sampled_from(RELATIONS))
def test_the_order_of_quantities_means_nothing(order, relation):
    mean = np.array([0.0, 0.4, 3.0, -8.0, 0.1, 0.2])
    labels = [str(i) for i in order]
    report = climb(summary(mean * 0), summary(mean[list(order)], sd=0.8, labels=labels), relation)
    assert report.verdict == climb(summary(mean * 0), summary(mean, sd=0.8), relation).verdict
    assert {row.label: row.change for row in report.findings} == {str(i): mean[i] for i in range(6)}


def test_what_moved_most_comes_first():
    report = climb(summary([0.0, 0, 0]), summary([3.0, 0.1, -9.0], sd=0.8), "nested")
    assert [row.label for row in report.findings] == ["2", "0", "1"]
    assert "carrier 2 moved by -9 minutes" in report.summary[0]


def test_other_groups_and_units_are_worth_a_warning():
    old, new = summary([0.0, 1.0]), summary([0.0, 1.0], unit="hours")
    assert structure(old, old) == []
    assert structure(old, new) == ["carrier: in another unit, so not compared"]
    report = climb(old, new, "rolling")
    assert report.verdict == "warn"
    assert "in another unit" in report.summary[-1]
    assert report.findings == ()


def test_nothing_in_common():
    other = dataclasses.replace(summary([0.0]), groups=("origin",))
    report = climb(summary([0.0]), other, "nested")
    assert report.verdict == "warn"
    assert report.summary == ("carrier: no longer there, so not compared", "origin: new, so not compared")
    assert report.findings == ()
    assert report.false_alarm_rate is None


def test_a_label_that_came_is_told_without_alarm():
    old, new = summary([0.0, 1.0], labels=["AA", "UA"]), summary([0.0, 1.0], labels=["AA", "B6"])
    report = climb(old, new, "rolling")
    assert report.verdict == "stable"
    assert [row.label for row in report.findings] == ["AA"]
    assert report.summary == ("1 no longer there, e.g. carrier UA", "1 new, e.g. carrier B6")


@pytest.mark.parametrize("relation", RELATIONS)
def test_constant_quantities(relation):
    still = summary([1.0, 2.0], sd=0.0, mcse=0.0)
    assert climb(still, still, relation).verdict == "stable"
    moved = climb(still, summary([1.0, 2.5], sd=0.0, mcse=0.0), relation)
    assert moved.verdict == "drift"
    assert [row.label for row in moved.findings if row.drifted] == ["1"]


def test_scores_that_speak_for_drift_are_a_warning():
    same = summary([0.0])
    report = climb(same, same, "rolling", ["coverage is too low"])
    assert (report.verdict, report.summary) == ("warn", ("coverage is too low",))


def test_false_alarms_are_counted_on_history_or_simulated():
    stable = [summary(np.random.default_rng(seed).normal(0, 0.01, 5), sd=1.0, mcse=0.01) for seed in range(10)]
    assert false_alarms(stable, stable[0], stable[1], "same") < 0.3
    stormy = [*stable, summary(np.full(5, 3.0))]
    assert false_alarms(stormy, stable[0], stable[1], "same") >= 0.1
    simulated = climb(summary(np.zeros(30)), summary(np.zeros(30), sd=0.8), "nested").false_alarm_rate
    assert 0 < simulated < 0.06
    assert climb(stable[0], stable[1], "same", history=stable).false_alarm_rate == false_alarms(
        stable, stable[0], stable[1], "same"
    )


@pytest.mark.parametrize(
    ("verdicts", "drifts", "runs", "wanted"),
    [
        ([], 1, 1, "quiet"),
        (["stable"], 1, 1, "quiet"),
        (["drift", "stable"], 1, 3, "quiet"),
        (["drift"], 1, 1, "alert"),
        (["drift"], 2, 3, "warn"),
        (["drift", "stable", "drift"], 2, 3, "alert"),
        (["drift", "stable", "stable", "drift"], 2, 3, "warn"),
        (["warn"], 1, 1, "warn"),
        (["drift", "drift", "warn"], 2, 3, "warn"),
        (["no-baseline"], 1, 1, "quiet"),
    ],
)
def test_alerts_after_so_many_drifts_of_so_many_runs(verdicts, drifts, runs, wanted):
    assert alarm(verdicts, drifts, runs) == wanted


def test_reports_and_summaries_survive_json():
    old, new = summary([0.0, 1.0], materiality=0.5), summary([3.0, 1.0], sd=0.9)
    report = climb(old, new, "nested")
    assert DriftReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert Summary.from_dict(json.loads(json.dumps(old.to_dict()))) == old
    assert isinstance(report.findings[0], Finding)
    nothing = no_baseline("verify one")
    assert (nothing.verdict, nothing.summary) == ("no-baseline", ("verify one",))
    assert DriftReport.from_dict(json.loads(json.dumps(nothing.to_dict()))) == nothing
