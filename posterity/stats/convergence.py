"""Convergence diagnostics of many quantities at once (Vehtari et al. 2021; Margossian et al. 2024)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

TAIL = (0.05, 0.95)
SIMULATIONS = 2000


@dataclass(frozen=True)
class Convergence:
    """Diagnostics of n quantities, arrays of shape (n,). A quantity that never changes has NaN diagnostics."""

    mean: Array
    sd: Array
    mcse_mean: Array
    ess_bulk: Array
    ess_tail: Array
    rhat: Array


def summarise(values: Array) -> Convergence:
    """Diagnose `values` of shape (chains, draws, n).

    Rank-normalised split R-hat, bulk and tail ESS and the MCSE of the mean, as in Vehtari et al. (2021),
    "Rank-normalization, folding, and localization". Raises ValueError naming the first quantity with NaN or infinities.
    """
    from arviz_stats.base import array_stats

    finite = np.isfinite(values).all(axis=(0, 1))
    if not finite.all():
        raise ValueError(f"quantity {int(np.argmin(finite))} holds NaN or infinities; draws must be finite")
    series = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    varies = np.ptp(series, axis=(1, 2)) > 0
    changing = series[varies]

    def spread(found: Array) -> Array:
        full = np.full(len(series), np.nan)
        full[varies] = found
        return full

    if not varies.any():
        nothing = np.full(len(series), np.nan)
        return Convergence(series.mean(axis=(1, 2)), np.zeros(len(series)), nothing, nothing, nothing, nothing)
    return Convergence(
        mean=series.mean(axis=(1, 2)),
        sd=series.std(axis=(1, 2), ddof=1),
        mcse_mean=spread(array_stats.mcse(changing, method="mean")),
        ess_bulk=spread(array_stats.ess(changing, method="bulk")),
        ess_tail=spread(array_stats.ess(changing, method="tail", prob=TAIL)),
        rhat=spread(array_stats.rhat(changing, method="rank")),
    )


def nested_rhat(values: Array, superchains: int) -> Array:
    """Nested R-hat of `values` (chains, draws, n), the chains shared out to superchains in their order.

    For many short chains, where split R-hat rejects perfect samplers (Margossian et al. 2024, "Nested R-hat").
    """
    from arviz_stats.base import array_stats

    chains = values.shape[0]
    if superchains < 2 or chains % superchains or chains // superchains < 2:
        raise ValueError(f"{chains} chains cannot form {superchains} superchains of two or more chains each")
    identifiers = np.repeat(np.arange(superchains), chains // superchains)
    series = np.moveaxis(values, -1, 0)
    return np.asarray(array_stats.rhat_nested(series, superchain_ids=identifiers, method="rank"))


def rhat_limit(ess_bulk: Array, chains: int, level: float = 0.99, cap: float = 1.05) -> float:
    """The R-hat that the worst of all quantities exceeds with probability 1 − `level` when every chain is right.

    Split chains of equal length with an ESS of e each have independent means with variance s²/e, so that
    R² − 1 ≈ (F − 1)/e, where F is the ratio of the between- to the within-variance, distributed as χ²(m − 1)/(m − 1)
    over the m split chains. R-hat is the larger of two such figures (bulk and folded draws). Quantities are taken as
    independent, which is cautious: dependence makes the maximum smaller. At least 1.01 (Vehtari et al. 2021) and at
    most `cap`.
    """
    from scipy.stats import chi2

    known = ess_bulk[np.isfinite(ess_bulk)]
    if not known.size:
        return 1.01
    split = 2 * chains
    per_chain = np.maximum(known / split, 1.0)
    single = level ** (1 / (2 * known.size))
    ratio = chi2.ppf(single, split - 1) / (split - 1)
    limit = np.sqrt(1 + np.maximum(ratio - 1, 0) / per_chain).max()
    return float(np.clip(limit, 1.01, cap))


def bfmi(energy: Array) -> Array:
    """The energy Bayesian fraction of missing information of each chain (Betancourt 2016), from (chains, draws)."""
    change = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return np.asarray(change / energy.var(axis=1))
