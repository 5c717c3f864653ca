import json

import numpy as np
import pytest

from posterity.errors import ModelError
from posterity.stats.gate import GateReport, GateSettings, judge

from .chains import autoregressive

SETTINGS = GateSettings()


def gate(values, parameters=None, divergences=None, energy=None, settings=SETTINGS, labels=None):
    return judge({"share": values}, parameters or {}, labels or {}, divergences, energy, settings)


def energy_of(chains=4, draws=1000, rho=0.1):
    return autoregressive(chains, draws, 1, rho, seed=9)[:, :, 0]


@pytest.mark.parametrize(("chains", "draws"), [(4, 1000), (8, 500), (16, 250), (32, 125)])
def test_perfect_samplers_pass_in_any_layout(chains, draws):
    """At an ESS per draw of 0.25, 50 quantities. R-hat ≤ 1.01 rejects .53, .99, 1 and 1 of these."""
    reports = [gate(autoregressive(chains, draws, 50, seed=seed)) for seed in range(10)]
    assert sum(report.verdict != "pass" for report in reports) <= 1


def test_hundreds_of_quantities_pass():
    report = gate(autoregressive(4, 1000, 600))
    assert report.verdict == "pass"
    assert report.rhat_max > 1.01
    assert len(report.checks) == 600


@pytest.mark.parametrize(("chains", "draws", "rho"), [(4, 1000, 0.95), (4, 250, 0.6), (16, 62, 0.6), (8, 100, 0.5)])
def test_right_but_too_few_draws_are_extended_to_enough(chains, draws, rho):
    short = gate(autoregressive(chains, draws, 20, rho))
    assert short.verdict == "extend", short.reasons
    assert short.further_chains > 0
    assert f"{short.further_chains} further chains" in short.reasons[0]
    enough = gate(autoregressive(chains + short.further_chains, draws, 20, rho, seed=1))
    assert enough.verdict == "pass" or enough.further_chains < 0.2 * short.further_chains


@pytest.mark.parametrize("shift", [0.7, 3.0, 50.0])
@pytest.mark.parametrize(("chains", "draws"), [(4, 1000), (8, 500), (16, 1000)])
def test_a_chain_in_another_place_is_found_and_named(chains, draws, shift):
    values = autoregressive(chains, draws, 20)
    values[0, :, 7] += shift
    labels = {"share": [f"route {i}" for i in range(20)]}
    report = gate(values, labels=labels)
    assert report.verdict == "fail"
    assert "share[route 7]" in report.reasons[0]
    assert report.further_chains == 0


def test_two_far_modes_fail_among_many_short_chains_too():
    values = autoregressive(16, 250, 5)
    values[::4, :, 2] += 20
    assert gate(values).verdict == "fail"
    assert gate(values, settings=GateSettings(superchains=4)).verdict == "fail"


def test_a_chain_of_another_width_is_found():
    values = autoregressive(4, 1000, 5)
    values[1, :, 3] *= 2
    assert gate(values).verdict == "fail"


def test_chains_that_never_left_their_start_fail():
    stuck = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 200, 1))
    assert gate(stuck).verdict == "fail"
    assert gate(autoregressive(4, 200, 3, rho=0.999)).verdict == "fail"


def test_chains_that_still_drift_do_not_pass():
    drift = np.linspace(3, 0, 1000)[None, :, None]
    report = gate(autoregressive(4, 1000, 3) + drift)
    assert report.verdict != "pass"


def test_unpublished_parameters_only_warn():
    bad = autoregressive(4, 1000, 2)
    bad[0] += 10
    report = gate(autoregressive(4, 1000, 5), {"mode": bad}, labels={"mode": ["a", "b"]})
    assert report.verdict == "pass"
    assert "2 unpublished parameters" in report.warnings[0]
    assert "mode[" in report.warnings[0]
    assert report.rhat_max < 1.1


def test_divergences_beyond_the_budget_fail():
    values, diverged = autoregressive(4, 1000, 3), np.zeros((4, 1000), dtype=bool)
    diverged[2, 5:8] = True
    report = gate(values, divergences=diverged)
    assert report.verdict == "fail"
    assert report.divergences == 3
    assert "3 of 4000 draws diverged" in report.reasons[0]
    assert "(0 allowed)" in report.reasons[0]
    forgiven = gate(values, divergences=diverged, settings=GateSettings(divergence_budget=3 / 4000))
    assert forgiven.verdict == "pass"
    assert "3 of 4000 draws diverged, within the model's divergence_budget of 0.07%" in forgiven.warnings[0]
    assert gate(values, divergences=diverged, settings=GateSettings(divergence_budget=2 / 4000)).verdict == "fail"
    none = np.zeros_like(diverged)
    assert gate(values, divergences=none, settings=GateSettings(divergence_budget=0.001)).warnings == ()


def test_energy_that_hardly_changes_fails():
    values = autoregressive(4, 1000, 3)
    energy = energy_of()
    assert gate(values, energy=energy).verdict == "pass"
    energy[3] = autoregressive(1, 1000, 1, rho=0.95)[0, :, 0]
    report = gate(values, energy=energy)
    assert report.verdict == "fail"
    assert "chain 3" in report.reasons[0]
    assert gate(values, energy=np.zeros((4, 1000))).verdict == "pass"


def test_constant_quantities_pass():
    report = gate(np.concatenate([np.ones((4, 1000, 1)), autoregressive(4, 1000, 1)], axis=2))
    assert report.verdict == "pass"
    assert gate(np.ones((4, 1000, 2))).verdict == "pass"


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_published_nan_is_refused_by_name(bad):
    values = autoregressive(2, 100, 3)
    values[0, 0, 1] = bad
    with pytest.raises(ModelError, match=r"share\[b\]"):
        gate(values, labels={"share": ["a", "b", "c"]})
    report = gate(autoregressive(4, 1000, 1), {"tau": values})
    assert report.verdict == "pass"
    assert "tau" in report.warnings[0]


def test_a_group_without_quantities_is_no_trouble():
    report = judge({"share": autoregressive(4, 1000, 2), "none": np.empty((4, 1000, 0))}, {}, {}, None, None)
    assert report.verdict == "pass"
    assert judge({"none": np.empty((4, 1000, 0))}, {}, {}, None, None).checks == ()


def test_nothing_published_is_refused():
    with pytest.raises(ModelError, match="nothing is published"):
        judge({}, {}, {}, None, None)


def test_one_chain_is_judged_with_a_warning():
    report = gate(autoregressive(1, 4000, 2), energy=energy_of(1, 4000))
    assert report.verdict == "pass"
    assert "one chain" in report.warnings[0]
    assert not gate(autoregressive(1, 4000, 2, rho=0.0)).warnings


def test_the_worst_come_first():
    values = autoregressive(4, 1000, 4)
    values[:, :, 2] = autoregressive(4, 1000, 1, rho=0.95)[:, :, 0]
    report = gate(values)
    assert report.checks[0].label == "2"
    assert report.ess_min == min(report.checks[0].ess_bulk, report.checks[0].ess_tail)


def test_a_report_survives_strict_json():
    values = np.concatenate([np.ones((4, 200, 1)), autoregressive(4, 200, 2)], axis=2)
    report = gate(values, energy=np.zeros((4, 200)))
    text = json.dumps(report.to_dict(), allow_nan=False)
    again = GateReport.from_dict(json.loads(text))
    assert repr(again) == repr(report)
