from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterity.data.posterior import Posterior
from posterity.parity.moments import FARTHEST, labels_of, limit, moments, rounding, z_values
from posterity.parity.posterior import compare_posteriors, split_rhat
from tests.parity.runs import autoregressive, posterior

LEVEL = 0.01


def drawn(values, **more) -> Posterior:
    return Posterior(values, {}, list(range(next(iter(values.values())).shape[0])), **more)


def test_two_runs_of_one_model_are_equal():
    found = compare_posteriors(posterior(1), posterior(2, chains=3, draws=700), LEVEL, {})
    assert found.verdict == "equal"
    assert found.compared == 2 * (2 + 9)
    assert found.notes == ("legacy run: 4 chains × 500 draws", "pipeline: 3 chains × 700 draws")


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.6, 0.9])
def test_z_is_standard_normal_whatever_the_autocorrelation(rho):
    runs = [autoregressive(seed, rho, (4, 1000, 800)) for seed in (1, 2)]
    left, right = (moments(drawn({"x": values}), ["x"]) for values in runs)
    for statistic in ("mean", "sd"):
        sides = [getattr(side, statistic) for side in (left, right)]
        z = z_values(*sides, *(getattr(side, f"mcse_{statistic}") for side in (left, right)))
        assert z.std() == pytest.approx(1, abs=0.08)
        assert (np.abs(z) > 1.96).mean() == pytest.approx(0.05, abs=0.023)


def test_the_error_of_the_sd_minds_squares_that_mix_more_slowly_than_draws():
    noise = np.random.default_rng(3).normal(size=(4, 1000, 300))
    scale = np.exp(0.7 * autoregressive(4, 0.97, (4, 1000, 300)))
    found = moments(drawn({"x": noise * scale}), ["x"])
    naive = found.sd / np.sqrt(2 * 4000)
    assert (found.mcse_sd > 3 * naive).mean() > 0.9
    assert found.mcse_mean == pytest.approx(found.sd / np.sqrt(4000), rel=0.5)


def test_false_alarms_are_as_rare_as_promised():
    level, pairs = 0.2, 60
    alarms = 0
    for seed in range(pairs):
        left = autoregressive(2 * seed, 0.3, (4, 250, 20))
        right = autoregressive(2 * seed + 1, 0.3, (4, 250, 20))
        alarms += compare_posteriors(drawn({"x": left}), drawn({"x": right}), level, {}).verdict == "differs"
    assert alarms <= 22  # 99.9 % point of a binomial with 60 trials and a probability of .2


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from(["level", "sigma", "effect"]), st.sampled_from([-1, 1]))
def test_a_mistake_of_five_standard_errors_is_found_and_named(seed, name, sign):
    left, right = posterior(2 * seed), posterior(2 * seed + 1)
    sides = [moments(side, [name]) for side in (left, right)]
    error = np.hypot(*(side.mcse_mean for side in sides))
    difference = sides[0].mean - sides[1].mean
    planted = left.values[name] + (sign * 5 * error - difference).reshape(left.values[name].shape[2:])
    found = compare_posteriors(replace(left, values={**left.values, name: planted}), right, LEVEL, {})
    assert found.verdict == "differs"
    assert found.findings[0].where.startswith(name)
    assert found.findings[0].z == pytest.approx(sign * 5, abs=0.01)


def test_a_wrong_scale_is_found_where_the_mean_is_right():
    left, right = posterior(1), posterior(2)
    effect = left.values["effect"]
    wider = effect.mean(axis=(0, 1)) + 1.5 * (effect - effect.mean(axis=(0, 1)))
    found = compare_posteriors(replace(left, values={**left.values, "effect": wider}), right, LEVEL, {})
    assert {finding.what for finding in found.findings} == {"sd"}
    assert len(found.findings) == 9


def test_elements_are_matched_by_label_not_by_place():
    left, right = posterior(1), posterior(2)
    turned = replace(
        left,
        values={**left.values, "effect": left.values["effect"][:, :, ::-1]},
        coords={"route": left.coords["route"][::-1]},
    )
    assert compare_posteriors(turned, right, LEVEL, {}).verdict == "equal"
    assert compare_posteriors(replace(turned, coords=left.coords), right, LEVEL, {}).verdict == "differs"


def test_parameters_are_renamed_and_those_of_one_side_listed():
    left, right = posterior(1), posterior(2)
    values = {"b": left.values["effect"], "level": left.values["level"], "extra": left.values["level"]}
    renamed = replace(left, values=values, dims={"b": ("r",)}, coords={"r": left.coords["route"]})
    found = compare_posteriors(renamed, right, LEVEL, {"b": "effect"})
    assert found.verdict == "equal"
    assert found.left_out == (("extra", "only the legacy run has it"), ("sigma", "only the pipeline has it"))


def test_elements_of_one_side_are_listed():
    left, right = posterior(1), posterior(2)
    shorter = replace(
        left,
        values={**left.values, "effect": left.values["effect"][:, :, 1:]},
        coords={"route": left.coords["route"][1:]},
    )
    found = compare_posteriors(shorter, right, LEVEL, {})
    assert found.verdict == "equal"
    assert found.left_out == (("effect[AA-EWR]", "only the pipeline has it"),)


def test_elements_without_labels_are_matched_by_place():
    left, right = posterior(1), posterior(2)
    found = compare_posteriors(replace(left, dims={}, coords={}), right, LEVEL, {})
    assert (found.verdict, found.left_out, found.compared) == ("equal", (), 22)
    assert found.notes[-1] == "effect: elements are matched by place, since only one run names them"
    other = replace(left, coords={"route": [f"x{label}" for label in left.coords["route"]]})
    assert len(compare_posteriors(other, right, LEVEL, {}).left_out) == 18


def test_posteriors_without_a_common_parameter_are_not_compared():
    left = drawn({"other": autoregressive(1, 0, (2, 50))})
    found = compare_posteriors(left, posterior(2), LEVEL, {})
    assert found.verdict == "not compared"
    assert ("other", "only the legacy run has it") in found.left_out


def test_a_copied_chain_is_found_though_no_mean_moves():
    left, right = posterior(1), posterior(2)
    copied = replace(left, values={name: value[[0, 1, 2, 2]] for name, value in left.values.items()})
    found = compare_posteriors(copied, right, LEVEL, {})
    assert found.findings[0].where == "draws of the legacy run"
    assert found.findings[0].first == "chain 3 = chain 2"
    assert "500 draws occur again: 1,500 different draws in 2,000 draws" in found.findings[0].what


def test_few_effective_draws_are_said():
    notes = compare_posteriors(posterior(1, draws=100, rho=0.8), posterior(2, draws=1000, rho=0.3), LEVEL, {}).notes
    assert [note.partition(": ")[0] for note in notes] == ["legacy run", "pipeline", "legacy run"]
    assert "11 quantities have an ESS below 400" in notes[-1]


def test_draws_that_come_again_later_are_found():
    left, right = posterior(1), posterior(2)
    places = np.concatenate([np.arange(400), np.arange(100)])
    again = replace(left, values={name: value[:, places] for name, value in left.values.items()})
    assert "400 draws occur again" in compare_posteriors(again, right, LEVEL, {}).findings[0].what


def test_rejected_proposals_are_no_finding():
    left, right = posterior(1, draws=1000, rho=0.0), posterior(2)
    places = np.sort(np.random.default_rng(5).integers(0, 1000, 1000))
    stuck = replace(left, values={name: value[:, places] for name, value in left.values.items()})
    assert compare_posteriors(stuck, right, LEVEL, {}).verdict == "equal"


def test_warm_up_that_was_kept_is_found():
    left, right = posterior(1), posterior(2)
    away = {name: value.copy() for name, value in left.values.items()}
    away["level"][:, :100] += np.linspace(1, 0, 100)
    found = compare_posteriors(replace(left, values=away), right, LEVEL, {})
    assert {finding.where for finding in found.findings} == {"level"}


def test_a_chain_in_another_place_is_found_though_z_is_small():
    left, right = posterior(1), posterior(2)
    away = {name: value.copy() for name, value in left.values.items()}
    away["level"][3] += 0.2
    finding = compare_posteriors(replace(left, values=away), right, LEVEL, {}).findings[0]
    assert finding.where == "chains of the legacy run"
    assert "disagree in level: split R-hat 1." in finding.what


def test_constants_have_to_be_equal():
    left, right = posterior(1), posterior(2)
    ones = np.ones((4, 500))
    same = compare_posteriors(
        replace(left, values={**left.values, "c": ones}), replace(right, values={**right.values, "c": ones}), LEVEL, {}
    )
    assert same.verdict == "equal"
    other = compare_posteriors(
        replace(left, values={**left.values, "c": ones + 1}),
        replace(right, values={**right.values, "c": ones}),
        LEVEL,
        {},
    )
    assert [(finding.where, finding.z) for finding in other.findings] == [("c", FARTHEST)]


def test_labels_are_those_of_arviz():
    values = np.zeros((1, 4, 2, 2))
    labelled = drawn({"x": values}, dims={"x": ("a", "b")}, coords={"a": ["u", "v"], "b": ["1", "2"]})
    assert labels_of(labelled, "x") == ["x[u, 1]", "x[u, 2]", "x[v, 1]", "x[v, 2]"]
    assert labels_of(drawn({"x": values[..., 0]}), "x") == ["x[0]", "x[1]"]


def test_split_rhat_is_that_of_arviz():
    from arviz_stats.base import array_stats

    values = autoregressive(1, 0.9, (4, 200, 5))
    expected = array_stats.rhat(np.moveaxis(values, -1, 0), method="z_scale")
    assert split_rhat(values) == pytest.approx(expected, rel=1e-10)


def test_split_rhat_of_constants_and_of_hardly_any_draws_is_unknown():
    assert np.isnan(split_rhat(np.ones((2, 10, 1)))).all()
    assert np.isnan(split_rhat(np.zeros((2, 3, 1)))).all()


def test_the_limit_is_where_the_first_finding_begins():
    from posterity.parity.moments import adjusted

    at = limit(50, 4, LEVEL)
    z = np.zeros(50)
    z[7] = at * 1.001
    assert adjusted(z, 4)[7] < LEVEL
    z[7] = at * 0.999
    assert adjusted(z, 4)[7] > LEVEL


@given(st.integers(1, 6), st.integers(0, 1000))
def test_rounding_is_seen_from_the_values(decimals, seed):
    values = np.round(np.random.default_rng(seed).normal(size=200), decimals)
    assert rounding(values) == pytest.approx(10.0**-decimals / np.sqrt(12))
    assert rounding(np.random.default_rng(seed).normal(size=5)) == 0
