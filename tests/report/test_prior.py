import numpy as np
import pytest

from posterity.report.predictive import check
from posterity.report.prior import prior_section
from posterity.sampling.shards import Costs, propose

from .examples import EVIL, MINUTES, SHARE, replicates
from .wellformed import read


@pytest.mark.parametrize("rows", [1, 1000])
def test_priors_that_cover_the_data(rows):
    observed, _ = replicates(rows)
    wide = np.random.default_rng(2).uniform(size=(400, 1)) * np.ones((1, rows))
    predicted = {"share": wide[:, :5], "minutes": 60 * wide[:, :5]}
    section = prior_section(
        {"dimensions": "1,239"}, replicate=(observed, wide), predicted=predicted, quantities=(SHARE, MINUTES)
    )
    read(section.html)
    assert "Prior of minutes" in section.html


def test_priors_that_rule_out_what_was_observed_are_named():
    observed, replicated = replicates(200)
    section = prior_section({}, replicate=(observed + 5, replicated))
    assert section.verdict == "warn"
    assert "mean" in section.summary


def test_a_model_without_prior_predictions():
    section = prior_section({"chains": 4}, parameters={EVIL: np.ones(10)})
    assert section.verdict == ""
    read(section.html)


def test_the_choice_of_shards_is_explained():
    proposal = propose(Costs(pod=13, start=5, chain=100, cores=1, basis=EVIL), 4)
    text = read(prior_section({}, proposal=proposal).html).content
    assert f"Proposed: {proposal.shards} shard(s). {proposal.reason}" in text
    assert all(f"{item.pod_seconds:.0f} s" in text for item in proposal.options if item.pod_seconds < 120)


def test_unknown_values_are_left_out():
    observed, replicated = replicates(5)
    read(prior_section({}, replicate=(observed * np.nan, replicated), predicted={"x": np.full((3, 2), np.nan)}).html)
    read(prior_section({}, predicted={"x": np.full((3, 2), 7.0)}).html)


def test_checks_find_the_statistic_that_is_off():
    rng = np.random.default_rng(0)
    replicated = rng.normal(size=(500, 300))
    assert not any(item.surprising for item in check(rng.normal(size=300), replicated))
    too_wide = {item.name: item.surprising for item in check(3 * rng.normal(size=300), replicated)}
    assert too_wide["standard deviation"]
    assert not too_wide["mean"]
    constant = check(np.zeros(4), np.zeros((10, 4)))
    assert {item.share for item in constant} == {0.5}
