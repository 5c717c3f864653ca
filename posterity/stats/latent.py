"""The predictive distribution that a row's latent quantiles stand for.

With trials n the L latent quantiles are probabilities, and the share is distributed as the equal mixture of
Binomial(n, p_i)/n. Without, they are the quantiles at (i + ½)/L of the distribution itself, whose distribution function
is linear between them and has exponential tails of probability ½/L beyond the outermost ones. Equal quantiles are a
point of their own probability, as with delays in whole minutes.
"""

import numpy as np
from numpy.typing import NDArray

from posterity.stats.binomial import cdf_table, mixture_cdf, quick_cdf, reach

Array = NDArray[np.floating]

NEVER = 1e-12  # closest that a probability may come to 0 or 1 where its logarithm is taken
ALL_COUNTS, SOME_COUNTS = 1000, 257
TAIL = 10  # quantiles from the end by which the tail's scale is set


def share_distribution(p: Array, count: Array, trials: Array) -> tuple[Array, Array]:
    """P(count < k) and P(count ≤ k) of each row, from probabilities p (rows, L) and k, trials (rows,)."""
    return mixture_cdf(count - 1, trials, p), mixture_cdf(count, trials, p)


def share_log_probability(p: Array, count: Array, trials: Array) -> Array:
    """log P(count = k) of each row; each p kept 1e-12 away from 0 and 1."""
    from scipy.special import gammaln, logsumexp

    k, n, inside = count[:, None], trials[:, None], np.clip(p, NEVER, 1 - NEVER)
    choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    logs = choose + k * np.log(inside) + (n - k) * np.log1p(-inside)
    return np.asarray(logsumexp(logs, axis=1) - np.log(p.shape[1]))


def share_crps(p: Array, count: int, trials: int) -> float:
    """∫(F(x) − 1{x ≥ y})² dx of one row's share y = count/trials, from its probabilities p (L,).

    Summed over the steps of F; where there are too many of them F is taken as linear between some of them.
    """
    angles = np.arcsin(np.sqrt(np.clip(p, 0, 1)))
    first, last = reach(float(angles.min()), float(angles.max()), trials)
    if last - first < ALL_COUNTS:
        counts, table = np.arange(first, last + 1), cdf_table(np.asarray(p, dtype=float), trials, first, last)
    else:
        counts = np.linspace(first, last, SOME_COUNTS).astype(np.int64)
        table = quick_cdf(counts[None, :].astype(float), np.array([[float(trials)]]), p[:, None])
    return _squared_area(counts, table.mean(axis=0), count) / trials


def _squared_area(counts: NDArray[np.int64], rising: Array, count: int) -> float:
    """Σ (F(k) − 1{k ≥ count})² over all k, F being 0 before the first and 1 after the last of `counts`."""
    places = np.union1d(counts, [count])
    distribution = np.interp(places, counts, rising, left=0.0, right=1.0)
    gap = np.diff(places).astype(float)
    start, rise = distribution[:-1] - (places[:-1] >= count), np.diff(distribution)
    # Left of the first place F jumps from 0, which is no rise along the gap.
    rise = np.where((places[:-1] < counts[0]) | (places[:-1] >= counts[-1]), 0.0, rise)
    squares = gap * start**2 + (gap - 1) * start * rise + (gap - 1) * (2 * gap - 1) / (6 * gap) * rise**2
    return float(squares.sum())


def distribution(quantiles: Array, at: Array) -> tuple[Array, Array]:
    """P(Y < y) and P(Y ≤ y) of each row, from quantiles (rows, L) in ascending order and y (rows,)."""
    below, upto = _places(quantiles, at)
    left, right = _levels_around(quantiles, below, upto)
    low, high = _at(quantiles, below - 1), _at(quantiles, upto)
    between = (below == upto) & (below > 0) & (below < quantiles.shape[1])
    share = np.divide(at - low, high - low, out=np.zeros(len(at)), where=between)
    tails = np.where(below == 0, _tail(quantiles, at), 1 - _tail(-quantiles[:, ::-1], -at))
    value = np.where(between, left + share * (right - left), tails)
    several = upto - below > 1
    first, last = _inside(quantiles, below), _inside(quantiles, upto)
    value = np.where(upto - below == 1, (below + 0.5) / quantiles.shape[1], value)
    return np.where(several, first, value), np.where(several, last, value)


def log_density(quantiles: Array, at: Array) -> Array:
    """The log density at y of each row; at a quantile the mean of its two sides.

    Between two points at least a hundredth of what lies between two single quantiles.
    """
    count = quantiles.shape[1]
    below, upto = _places(quantiles, at)
    left, right = _levels_around(quantiles, below, upto)
    low, high = _at(quantiles, below - 1), _at(quantiles, upto)
    has_left, has_right, equal = below > 0, upto < count, upto > below
    mass = np.where(equal, upto - below, np.maximum(count * (right - left), 0.01)) / count
    width = np.where(has_left, at - low, 0.0) + np.where(has_right, high - at, 0.0)
    # What belongs to a quantile reaches half the way to both neighbours, and beyond an end as far as on the other side.
    width = np.where(equal & has_left & has_right, width / 2, width)
    inside = np.log(mass / np.maximum(width, _floor(quantiles)))
    lower = np.log(np.maximum(_tail(quantiles, at), 1e-300) / _scale(quantiles))
    upper = np.log(np.maximum(_tail(-quantiles[:, ::-1], -at), 1e-300) / _scale(-quantiles[:, ::-1]))
    return np.where(equal | (has_left & has_right), inside, np.where(has_left, upper, lower))


def levels(count: int) -> Array:
    """The levels (i + ½)/count of latent quantiles."""
    return np.asarray((np.arange(count) + 0.5) / count)


def _places(quantiles: Array, at: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many quantiles of each row are below y, and how many are not above it."""
    return (quantiles < at[:, None]).sum(axis=1), (quantiles <= at[:, None]).sum(axis=1)


def _at(quantiles: Array, place: NDArray[np.intp]) -> Array:
    return np.asarray(quantiles[np.arange(len(place)), np.clip(place, 0, quantiles.shape[1] - 1)], dtype=float)


def _inside(quantiles: Array, place: NDArray[np.intp]) -> Array:
    """The level place/L, kept out of the tails."""
    return np.asarray(np.clip(place, 0.5, quantiles.shape[1] - 0.5) / quantiles.shape[1])


def _levels_around(quantiles: Array, below: NDArray[np.intp], upto: NDArray[np.intp]) -> tuple[Array, Array]:
    """The levels right of the quantile below and left of the one above: a point has used up all of its own."""
    count = quantiles.shape[1]
    point_below = (below > 1) & (_at(quantiles, below - 1) == _at(quantiles, below - 2))
    point_above = (upto < count - 1) & (_at(quantiles, upto) == _at(quantiles, upto + 1))
    return (below - 0.5 * ~point_below) / count, (upto + 0.5 * ~point_above) / count


def _tail(quantiles: Array, at: Array) -> Array:
    """P(Y ≤ y) below the lowest quantile."""
    return np.asarray(0.5 / quantiles.shape[1] * np.exp(-np.maximum(quantiles[:, 0] - at, 0) / _scale(quantiles)))


def _scale(quantiles: Array) -> Array:
    """Of the lower tail: the one with which an exponential tail runs through the lowest quantiles."""
    inner = min(TAIL, quantiles.shape[1] - 1)
    reach = (quantiles[:, inner] - quantiles[:, 0]).astype(float)
    return np.asarray(np.maximum(reach / np.log(2 * inner + 1) if inner else reach, _floor(quantiles)))


def _floor(quantiles: Array) -> Array:
    """The narrowest width taken seriously: forecasts that are a point have no density."""
    return np.maximum(1e-5 * (quantiles[:, -1] - quantiles[:, 0]).astype(float), 1e-12)
