"""Models whose posterior is known, and models that no sampler should pass."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

EFFECT = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERROR = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def eight_schools() -> pm.Model:
    """Rubin (1981), non-centred."""
    with pm.Model(coords={"school": list("ABCDEFGH")}) as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        z = pm.Normal("z", 0, 1, dims="school")
        theta = pm.Deterministic("theta", mu + tau * z, dims="school")
        pm.Normal("effect", theta, ERROR, observed=EFFECT)
    return model


def covariance(dimension: int = 50) -> np.ndarray:
    """Standard deviations from 0.1 to 10, correlations 0.6^|i - j|."""
    scale = np.logspace(-1, 1, dimension)
    index = np.arange(dimension)
    return np.outer(scale, scale) * 0.6 ** np.abs(index[:, None] - index)


def correlated_normal(dimension: int = 50) -> pm.Model:
    """A normal distribution of 50 dimensions around 1, 2, 3, …"""
    with pm.Model() as model:
        pm.MvNormal("x", np.arange(1.0, dimension + 1), covariance(dimension))
    return model


def binomial_groups(cells: int = 200, groups: int = 20) -> pm.Model:
    """A small cousin of the flights model: binomial counts with group and cell effects."""
    rng = np.random.default_rng(5)
    group = np.sort(rng.integers(groups, size=cells))
    n = rng.integers(1, 60, size=cells)
    p = 1 / (1 + np.exp(1.2 - rng.normal(0, 0.5, groups)[group] - rng.normal(0, 0.3, cells)))
    with pm.Model(coords={"group": range(groups)}) as model:
        level = pm.Normal("level", -1, 1)
        spread = pm.HalfNormal("spread", 1)
        over = pm.HalfNormal("over", 1)
        effect = pm.ZeroSumNormal("effect", spread, dims="group")
        z = pm.Normal("z", 0, 1, shape=cells)
        pm.Binomial("late", n, logit_p=level + effect[group] + over * z, observed=rng.binomial(n, p))
    return model


def funnel() -> pm.Model:
    """Neal (2003): no step size suits both its neck and its mouth."""
    with pm.Model() as model:
        v = pm.Normal("v", 0, 3)
        pm.Normal("x", 0, pt.exp(v / 2), shape=9)
    return model


def two_modes() -> pm.Model:
    """Two modes 40 standard deviations apart: chains stay where they begin."""
    with pm.Model() as model:
        x = pm.Uniform("x", -60, 60, initval=0.0)
        pm.Potential("modes", pt.logaddexp(-0.5 * (x - 20) ** 2, -0.5 * (x + 20) ** 2))
    return model


BUILDERS = {build.__name__: build for build in (eight_schools, correlated_normal, binomial_groups, funnel, two_modes)}
