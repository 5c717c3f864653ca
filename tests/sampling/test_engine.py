"""The sampler draws from the right distribution, and its numbers depend on nothing but the plan."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

from posterity.errors import ModelError
from posterity.sampling.assembly import assemble
from posterity.sampling.engine import Engine
from posterity.sampling.plan import SamplerSettings, chain_key
from posterity.sampling.shard import run_shard
from tests.sampling.conftest import plan_for
from tests.sampling.models import EFFECT, ERROR, covariance


def sample(store, density, settings, chains=4, seed=7):
    plan = plan_for(density, settings, seed)
    run_shard(store, plan, density, range(chains))
    return assemble(store, plan.digest, list(range(chains)))


def assert_moments(draws, mean, variance):
    """Means and variances of draws (chains, draws, n) are right within Monte Carlo error, Bonferroni at 10^-3."""
    limit = stats.norm.isf(0.5e-3 / (2 * len(mean)))
    for values, expected in ((draws, mean), ((draws - mean) ** 2, variance)):
        error = [array_stats.mcse(values[..., i], chain_axis=0, draw_axis=1) for i in range(len(mean))]
        z = (values.mean(axis=(0, 1)) - expected) / error
        assert np.abs(z).max() < limit, z


@pytest.mark.parametrize("adaptation", ["fisher", "stan"])
def test_a_correlated_normal_has_the_right_moments(density, store, adaptation):
    settings = SamplerSettings(draws=1000, warmup=300, adaptation=adaptation)
    found = sample(store, density("correlated_normal"), settings)
    assert_moments(found.values["x"], np.arange(1.0, 51), np.diag(covariance()))
    assert not found.stats["diverging"].any()
    assert 0.7 < found.stats["acceptance"].mean() < 0.95


def schools_by_quadrature():
    """Mean and variance of mu and tau: theta integrates out, and the rest is done on a grid."""
    mu, log_tau = np.meshgrid(np.linspace(-30, 40, 1401), np.linspace(-9, 6, 1501), indexing="ij")
    tau = np.exp(log_tau)
    spread = np.sqrt(ERROR**2 + tau[..., None] ** 2)
    log_density = stats.norm(0, 5).logpdf(mu) + stats.halfcauchy(scale=5).logpdf(tau) + log_tau
    log_density += stats.norm(mu[..., None], spread).logpdf(EFFECT).sum(axis=-1)
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    mean = np.array([(weight * value).sum() for value in (mu, tau)])
    variance = np.array([(weight * (value - m) ** 2).sum() for value, m in zip((mu, tau), mean, strict=True)])
    return mean, variance


def test_eight_schools_has_the_moments_of_quadrature(density, store):
    found = sample(store, density("eight_schools"), SamplerSettings(draws=2500, warmup=500, target_accept=0.95))
    draws = np.stack([found.values["mu"], found.values["tau"]], axis=-1)
    mean, variance = schools_by_quadrature()
    assert_moments(draws, mean, variance)


def test_chains_start_apart_and_where_the_density_is_finite(density):
    engine = Engine(density("two_modes"), SamplerSettings())
    starts = [engine.start(chain_key(1, chain)) for chain in range(20)]
    assert len({float(start.position[0]) for start in starts}) == 20
    assert all(np.isfinite(start.log_density) for start in starts)
    assert all(abs(start.position[0] - engine.density.initial[0]) <= 1 for start in starts)


def test_two_far_modes_are_not_mixed_and_the_draws_show_it(density, store):
    found = sample(store, density("two_modes"), SamplerSettings(draws=200, warmup=100), chains=8)
    assert set(np.sign(found.values["x"].mean(axis=1))) == {-1.0, 1.0}
    assert array_stats.rhat(found.values["x"], chain_axis=0, draw_axis=1) > 1.5


def test_the_funnel_diverges(density, store):
    found = sample(store, density("funnel"), SamplerSettings(draws=500, warmup=200))
    assert found.stats["diverging"].sum() > 10


def test_a_model_that_is_finite_only_at_its_initial_point_is_refused():
    import pymc as pm
    import pytensor.tensor as pt

    from posterity.sampling.export import export_density

    with pm.Model() as model:
        x = pm.Normal("x", initval=0.0)
        pm.Potential("point", pt.switch(pt.eq(x, 0), 0.0, -np.inf))
    engine = Engine(export_density(model), SamplerSettings())
    with pytest.raises(ModelError, match="no finite log density in 100 random starts"):
        engine.start(chain_key(1, 0))
