"""Quantiles of equal mixtures of binomial distributions, for many rows.

A row is given by equally likely values of φ = arcsin √p. They are put on a grid even in φ with the weights of cubic
interpolation; the mixture's distribution function is the product of these weights with a table of binomial ones, one
matrix product for all rows with the same number of trials. Where there are so many trials that a table would be large,
each quantile is searched for.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from posterity.stats.binomial import cdf_table, mixture_cdf, quick_cdf, reach, spread

Array = NDArray[np.floating]

STEP = 1 / 3  # of the grid, in binomial standard deviations: its error in the distribution function is below 2e-4
TABULATED = 2000  # trials up to which there is a table
KEPT = 400  # trials up to which tables are kept, whole: 100 MB for all of them
CLOSE = 1e-6  # to a level, in the distribution function
ITERATIONS = 60


def mixture_quantiles(angles: Array, trials: Array, levels: Array) -> Array:
    """Quantiles (rows, levels) of the share, from arcsin √p of shape (rows, values) and trials (rows,).

    The smallest share whose distribution function reaches the level. Rows go together that have at most TABULATED
    trials, in ascending order, or all more than that.
    """
    find = _look_up if trials[0] <= TABULATED else _search
    return np.asarray(find(angles, trials, levels) / trials[:, None])


def _look_up(angles: Array, trials: Array, levels: Array) -> Array:
    """The counts at which the tabulated distribution function of each row reaches each level.

    The grid consists of multiples of a step that the trials alone determine: a row has the same quantiles in whichever
    company it is predicted.
    """
    starts = np.flatnonzero(np.diff(trials, prepend=-1))
    sizes = np.diff(starts, append=len(trials))
    places = angles / (STEP * spread(trials))[:, None]
    first = np.minimum.reduceat(places.min(axis=1), starts).astype(np.intp) - 1
    last = np.maximum.reduceat(places.max(axis=1), starts).astype(np.intp) + 2
    weights = _interpolation_weights(places - np.repeat(first, sizes)[:, None], int((last - first).max()) + 1)
    counts = np.empty((len(trials), len(levels)))
    for start, size, low, high in zip(starts, sizes, first, last, strict=True):
        rows, n = slice(start, start + size), int(trials[start])
        least, table = _table(n, int(low), int(high))
        rising = weights[rows, : high - low + 1] @ table
        reached = (rising[:, None] < levels[:, None] - 1e-9).sum(axis=2)
        counts[rows] = np.minimum(reached, table.shape[1] - 1) + least
    return counts


def _table(trials: int, low: int, high: int) -> tuple[int, Array]:
    """The first count, and P(count ≤ k) at the grid points from `low` to `high`, for each count k from the first on."""
    if trials <= KEPT:
        return 0, _whole_table(trials)[low + 1 : high + 2]
    step = STEP * float(spread(trials))
    least, most = reach(max(0.0, step * low), min(np.pi / 2, step * high), trials)
    return least, cdf_table(np.square(np.sin(step * np.arange(low, high + 1))), trials, least, most)


@cache
def _whole_table(trials: int) -> Array:
    """P(count ≤ k) at all grid points, from the one before φ = 0, for every k."""
    step = STEP * float(spread(trials))
    return cdf_table(np.square(np.sin(step * np.arange(-1, int(np.pi / 2 / step) + 3))), trials, 0, trials)


def _search(angles: Array, trials: Array, levels: Array) -> Array:
    """The same by Newton's method within a shrinking bracket, with the normal density of the arcsine scale as slope."""
    from scipy.special import ndtri

    rows, own = np.repeat(np.arange(len(trials)), len(levels)), spread(trials)
    n, level = trials[rows], np.tile(levels, len(trials))
    around = angles.mean(axis=1)[rows] + ndtri(level) * np.sqrt(angles.var(axis=1) + own**2)[rows]
    found = n * np.square(np.sin(np.clip(around, 0, np.pi / 2)))
    low, high = np.full(len(rows), -1.0), n.copy()
    left = np.arange(len(rows))
    for _ in range(ITERATIONS):
        row, k = rows[left], found[left]
        miss = quick_cdf(k[:, None], n[left, None], np.square(np.sin(angles[row]))).mean(axis=1) - level[left]
        low[left], high[left] = np.where(miss < 0, k, low[left]), np.where(miss < 0, high[left], k)
        going = (np.abs(miss) > CLOSE) & (high[left] - low[left] > CLOSE)
        left, row, k, miss = left[going], row[going], k[going], miss[going]
        step = k - miss / _slope(k, n[left], angles[row], own[row])
        found[left] = np.where((step > low[left]) & (step < high[left]), step, (low[left] + high[left]) / 2)
    count = np.clip(np.ceil(found - 10 * CLOSE), 0, n).reshape(len(trials), -1)
    return _mend_outermost(count, angles, trials, levels)


def _slope(count: Array, trials: Array, angles: Array, own: Array) -> Array:
    """How fast each row's distribution function rises from one count to the next."""
    inside = np.clip(count, 0.5, trials - 0.5)
    away = (np.arcsin(np.sqrt(inside / trials))[:, None] - angles) / own[:, None]
    slope = np.exp(-0.5 * away**2).mean(axis=1) / (own * np.sqrt(8 * np.pi * inside * (trials - inside)))
    return np.asarray(np.maximum(slope, 1e-300))


def _mend_outermost(count: Array, angles: Array, trials: Array, levels: Array) -> Array:
    """Look at the first and the last three counts exactly, where the approximation is poor."""
    for k in (0, 1, 2, -3, -2, -1):
        rows = np.flatnonzero((count <= 3).any(axis=1) if k >= 0 else (count >= trials[:, None] - 3).any(axis=1))
        at = (trials[rows] if k < 0 else 0.0) + np.full(len(rows), float(k))
        exact = mixture_cdf(at, trials[rows], np.square(np.sin(angles[rows])))
        reached = exact[:, None] >= levels
        count[rows] = np.where(reached, np.minimum(count[rows], at[:, None]), np.maximum(count[rows], at[:, None] + 1))
    return count


def _interpolation_weights(places: Array, size: int) -> Array:
    """Mean weights of `size` grid points in the cubic (Lagrange) interpolation at `places` (rows, blocks)."""
    rows, blocks = places.shape
    below = np.floor(places)
    t = places - below
    flat = (below.astype(np.intp) + np.arange(rows)[:, None] * size).ravel()
    a, b, c = t + 1, t - 1, t - 2
    shares = {-1: -t * b * c / 6, 0: a * b * c / 2, 1: -a * t * c / 2, 2: a * t * b / 6}
    total = np.zeros(rows * size)
    for offset, share in shares.items():
        total += np.bincount(flat + offset, share.ravel(), rows * size)
    return np.asarray(total.reshape(rows, size) / blocks)
