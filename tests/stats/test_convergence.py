import numpy as np
import pytest
from arviz_stats.base import array_stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from posterity.errors import ModelError, SettingsError
from posterity.stats.convergence import PIECE, bfmi, nested_rhat, normal_scores, summarise
from posterity.stats.ess import ess_within

from .chains import autoregressive

DRAWS = {
    "autocorrelated": autoregressive(4, 500, 6),
    "slow": autoregressive(4, 251, 6, rho=0.97),
    "antithetic": autoregressive(3, 101, 6, rho=-0.6),
    "tied": np.round(autoregressive(4, 200, 6), 1),
    "heavy-tailed": np.exp(3 * autoregressive(2, 60, 6)),
    "binary": (autoregressive(4, 300, 6) > 1).astype(float),
    "many short chains": autoregressive(16, 10, 6),
    "shifted": autoregressive(4, 300, 6) + 2 * np.arange(4)[:, None, None],
    "fewest draws": autoregressive(4, 4, 6, rho=0.0),
}


def exact(values):
    """On a grid of powers of two, so that distances from the median are not rounded, by ArviZ as little as by us."""
    return np.round(values * 2**20) / 2**20


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_as_arviz(name):
    values = exact(DRAWS[name])
    series = np.moveaxis(values, -1, 0)
    found = summarise(values)
    np.testing.assert_allclose(found.ess_bulk, array_stats.ess(series, method="bulk"), rtol=1e-9)
    np.testing.assert_allclose(found.ess_tail, array_stats.ess(series, method="tail", prob=(0.05, 0.95)), rtol=1e-9)
    np.testing.assert_allclose(found.mcse_mean, array_stats.mcse(series, method="mean"), rtol=1e-9)
    np.testing.assert_allclose(found.rhat, array_stats.rhat(series, method="rank"), rtol=1e-9)
    np.testing.assert_allclose(found.sd, values.std(axis=(0, 1), ddof=1))


@pytest.mark.parametrize("name", ["autocorrelated", "tied", "many short chains", "shifted"])
def test_nested_rhat_is_the_same_as_arviz(name):
    values = exact(DRAWS[name])
    groups = np.repeat([0, 1], len(values) // 2)
    wanted = array_stats.rhat_nested(np.moveaxis(values, -1, 0), superchain_ids=groups, method="rank")
    np.testing.assert_allclose(nested_rhat(values, 2), wanted, rtol=1e-9)


def test_energy_is_the_same_as_arviz():
    energy = autoregressive(4, 300, 1, rho=0.9)[:, :, 0]
    np.testing.assert_allclose(bfmi(energy), array_stats.bfmi(energy))
    assert np.isnan(bfmi(np.zeros((2, 10)))).all()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 100), st.floats(-100, 100))
@example(49931, 1, 2)  # rounding would part the two draws in the middle, which are equally far from the median
def test_figures_do_not_depend_on_units(seed, scale, shift):
    values = autoregressive(4, 50, 2, seed=seed)
    first, second = summarise(values), summarise(scale * values + shift)
    np.testing.assert_allclose(first.ess_bulk, second.ess_bulk, rtol=1e-6)
    np.testing.assert_allclose(first.ess_tail, second.ess_tail, rtol=1e-6)
    np.testing.assert_allclose(first.rhat, second.rhat, rtol=1e-6)
    np.testing.assert_allclose(scale * first.mcse_mean, second.mcse_mean, rtol=1e-6)


@settings(max_examples=30)
@given(st.permutations(range(4)), st.integers(0, 2**32 - 1))
def test_the_order_of_chains_means_nothing(order, seed):
    values = autoregressive(4, 60, 2, seed=seed)
    first, second = summarise(values), summarise(values[list(order)])
    for name in ("mean", "ess_bulk", "ess_tail", "ess_within", "rhat"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name))


def test_ranks_are_what_counts():
    values = autoregressive(4, 100, 3)
    assert (summarise(values).rhat == pytest.approx(summarise(values**3).rhat, rel=0.01)) is True
    np.testing.assert_allclose(summarise(values).ess_bulk, summarise(values**3).ess_bulk)


def test_many_quantities_are_diagnosed_as_each_alone():
    values = autoregressive(2, 100, PIECE // 200 + 3)
    found = summarise(values)
    for column in (0, PIECE // 200, -1):
        one = summarise(values[:, :, [column]])
        assert one.rhat[0] == found.rhat[column]
        assert one.ess_tail[0] == found.ess_tail[column]


def test_a_quantity_that_never_changes_has_no_diagnostics():
    values = np.concatenate([np.full((4, 20, 1), 3.0), autoregressive(4, 20, 1)], axis=2)
    found = summarise(values)
    assert (found.mean[0], found.sd[0]) == (3.0, 0.0)
    for item in (found.mcse_mean, found.ess_bulk, found.ess_tail, found.ess_within, found.rhat):
        assert np.isnan(item[0])
        assert np.isfinite(item[1])
    assert np.isnan(nested_rhat(values, 2)[0])


def test_chains_that_stand_still_in_different_places_are_the_worst_there_is():
    values = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 50, 1))
    assert summarise(values).rhat[0] >= 1000
    assert np.isfinite(summarise(values).rhat[0])


def test_one_chain_is_split():
    assert summarise(autoregressive(1, 1000, 1)).rhat[0] < 1.02
    drifting = autoregressive(1, 1000, 1) + np.linspace(0, 5, 1000)[None, :, None]
    assert summarise(drifting).rhat[0] > 1.5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_quantity_that_is_not_finite_is_named(bad):
    values = autoregressive(2, 50, 5)
    values[1, 3, 2] = bad
    with pytest.raises(ModelError, match="quantity 2"):
        summarise(values)


def test_too_few_draws_and_impossible_superchains_are_refused():
    with pytest.raises(SettingsError, match="3 draws"):
        summarise(np.zeros((2, 3, 1)))
    for chains, superchains in ((4, 4), (4, 3), (8, 1)):
        with pytest.raises(SettingsError, match="superchains"):
            nested_rhat(np.zeros((chains, 10, 1)), superchains)


def test_no_quantities():
    assert summarise(np.empty((4, 10, 0))).rhat.shape == (0,)


@pytest.mark.parametrize(("chains", "draws", "rho"), [(4, 1000, 0.6), (16, 250, 0.6), (4, 1000, 0.9), (8, 500, 0.9)])
def test_ess_within_chains_is_right_where_chains_agree_and_where_they_do_not(chains, draws, rho):
    values = np.moveaxis(autoregressive(chains, draws, 200, rho), -1, 0)
    truth = chains * draws * (1 - rho) / (1 + rho)
    apart = values + 5 * np.arange(chains)[:, None]
    for series in (values, apart):
        assert np.median(ess_within(series)) == pytest.approx(truth, rel=0.1)


def test_normal_scores_are_standard_normal():
    scores = normal_scores(autoregressive(4, 500, 1, rho=0.0)[None, :, :, 0] ** 3)
    assert scores.mean() == pytest.approx(0, abs=1e-12)
    assert scores.std() == pytest.approx(1, abs=0.01)
