"""The binomial distribution as tables, and where its mass lies.

On the scale φ = arcsin √p a share of n trials has a standard deviation of about s = 1/(2√n) everywhere (Anscombe 1948),
so that a grid even in φ resolves every p alike; sin² folds what lies beyond its ends back into 0 to 1.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Counts = NDArray[np.int64]

REACH = 6.0  # standard deviations from the outermost p to where no mass is left to speak of (1e-9)
MOST_COUNTS = 2049  # of a larger range every so manieth count is tabulated


def spread(trials: int) -> float:
    """The standard deviation of a share of `trials` on the arcsine scale."""
    return 0.5 / float(np.sqrt(trials))


def counts_between(low: float, high: float, trials: int) -> Counts:
    """The counts that a p between `low` and `high`, given as arcsin √p, can bring about; ascending.

    All of them up to MOST_COUNTS, else evenly spaced ones including both ends.
    """
    ends = np.clip([low - REACH * spread(trials), high + REACH * spread(trials)], 0, np.pi / 2)
    first, last = np.square(np.sin(ends)) * trials
    start, stop = max(0, int(first)), min(trials, int(np.ceil(last)))
    if stop - start < MOST_COUNTS:
        return np.arange(start, stop + 1)
    return np.unique(np.linspace(start, stop, MOST_COUNTS).astype(np.int64))


def log_pmf(p: Array, trials: int, counts: Counts) -> Array:
    """log P(count = k) for each p (G,) and each k in `counts` (K,): shape (G, K)."""
    from scipy.special import gammaln

    choose = gammaln(trials + 1) - gammaln(counts + 1) - gammaln(trials - counts + 1)
    inside = np.clip(p, 1e-300, 1 - 2.0**-53)
    return np.asarray(np.outer(np.log(inside), counts) + np.outer(np.log1p(-inside), trials - counts) + choose)


def cdf_table(p: Array, trials: int, counts: Counts) -> Array:
    """P(count ≤ k) for each p (G,) and each k in `counts` (K,), ascending: shape (G, K).

    Consecutive counts are added up, some forty times faster than an incomplete beta function for each.
    """
    from scipy.special import bdtr

    if len(counts) > 1 and counts[-1] - counts[0] != len(counts) - 1:
        return np.asarray(bdtr(counts[None, :].astype(float), trials, p[:, None]))
    table = np.exp(log_pmf(p, trials, counts))
    if counts[0] > 0:
        table[:, 0] += bdtr(float(counts[0] - 1), trials, p)
    np.cumsum(table, axis=1, out=table)
    return np.minimum(table, 1.0)
