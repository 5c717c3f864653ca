import numpy as np
import pytest

from posterity.stats.convergence import nested_rhat, summarise
from posterity.stats.limits import chance_rhat, rhat_limit, superchains_for

from .chains import autoregressive


@pytest.mark.parametrize(("chains", "draws", "share"), [(4, 1000, 0.015), (8, 500, 0.08), (16, 250, 0.67)])
def test_the_usual_rule_rejects_perfect_samplers_with_short_chains(chains, draws, share):
    """The table of statistics.md: the reason for these limits."""
    found = summarise(autoregressive(chains, draws, 600))
    assert np.mean(found.rhat > 1.01) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    ("chains", "draws", "rho"),
    [(4, 1000, 0.0), (4, 1000, 0.6), (4, 1000, 0.9), (8, 500, 0.6), (16, 250, 0.6), (1, 2000, 0.6)],
)
def test_false_alarms_are_as_rare_as_the_level_says(chains, draws, rho):
    """Each of hundreds of perfect quantities judged alone; of the two figures of R-hat one is rarely near."""
    found = summarise(autoregressive(chains, draws, 1000 if chains < 16 else 500, rho))
    each = np.array([chance_rhat(np.array([size]), chains, draws, 0.9)[0] for size in found.ess_within])
    assert 0.005 < np.mean(found.rhat > each) < 0.125


@pytest.mark.parametrize(("chains", "draws", "rho"), [(8, 500, 0.6), (16, 250, 0.6), (32, 125, 0.6), (16, 250, 0.0)])
def test_false_alarms_of_nested_rhat(chains, draws, rho):
    values = autoregressive(chains, draws, 500, rho)
    found = nested_rhat(values, 4)
    sizes = summarise(values).ess_within
    each = np.array([chance_rhat(np.array([size]), chains, draws, 0.9, superchains=4)[0] for size in sizes])
    assert 0.005 < np.mean(found > each) < 0.125


def test_the_limit_for_the_worst_of_many_is_wider():
    sizes = np.full(600, 1000.0)
    one, many = chance_rhat(sizes[:1], 4, 1000)[0], chance_rhat(sizes, 4, 1000)[0]
    assert 1.005 < one < many < 1.05
    found = [summarise(autoregressive(4, 1000, 50, seed=seed)).rhat.max() for seed in range(40)]
    assert np.mean(np.array(found) > chance_rhat(sizes[:50], 4, 1000)[0]) < 0.1
    assert np.mean(np.array(found) > 1.01) > 0.15


def test_a_larger_ess_allows_less():
    limits = chance_rhat(np.array([50.0, 200, 1000, 1e5]), 4, 1000)
    assert (np.diff(limits) < 0).all()
    assert np.isinf(chance_rhat(np.array([4.0]), 4, 1000)[0])


def test_limits_stay_between_1_01_and_the_cap():
    limits = rhat_limit(np.array([2.0, 500, 1e6, np.nan]), 4, 1000, cap=1.04)
    assert limits[0] == 1.04
    assert 1.01 < limits[1] < 1.04
    assert (limits[2:] == 1.01).all()


@pytest.mark.parametrize(
    ("chains", "each", "wanted"),
    [(4, 50, 0), (6, 50, 0), (8, 500, 0), (8, 50, 4), (10, 50, 5), (16, 60, 4), (32, 30, 4)],
)
def test_superchains_for_many_short_chains_only(chains, each, wanted):
    assert superchains_for(chains, np.full(5, float(chains * each))) == wanted


def test_superchains_where_nothing_changes():
    assert superchains_for(16, np.full(3, np.nan)) == 0
