"""Predictive distributions of many rows: moments and quantiles without simulating a single outcome.

The draws of a row are sorted once; their mid-quantiles are the latent form from which scores are computed. A share of
n trials whose probability has draws p₁ … p_S is predicted by the equal mixture of Binomial(n, p_s)/n. The sorted draws
are averaged in blocks of equal size (which keeps the mean), the blocks are put on a grid even in arcsin √p with the
weights of cubic interpolation, and the mixture's distribution function is the product of these weights with a table of
binomial distribution functions: one matrix product for all rows with the same number of trials.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posterity.errors import ModelError
from posterity.stats.binomial import cdf_table, counts_between, spread

Array = NDArray[np.floating]

LATENT = 100
BLOCKS = 250  # of the sorted draws of a row: at worst, with endless trials, 1/500 of error in the distribution function
STEP = 1 / 3  # of the grid, in binomial standard deviations: its error in the distribution function is below 2e-4
WIDEST = 384  # grid points of one table
PIECE = 128  # rows sorted at once
TILE = 32  # draws copied at once
THREADS = 2


@dataclass(frozen=True)
class PredictiveSummary:
    """The predictive distribution of each row.

    mean, sd, mcse (of the mean): (rows,); quantiles: (rows, levels); latent: (rows, LATENT) mid-quantiles of the draws.
    """

    mean: Array
    sd: Array
    mcse: Array
    quantiles: Array
    latent: NDArray[np.float32]


def summarise_binomial(p: Array, trials: Array, levels: Sequence[float], chains: int = 1) -> PredictiveSummary:
    """The share of events among `trials` (rows,), given draws `p` (draws, rows) of their probability.

    The draws of one chain follow each other. A quantile is the smallest share whose distribution function reaches the
    level. Rows without trials get NaN. Raises ModelError naming the first row with draws that are no probabilities.
    """
    sorted_ = _sort(p, chains, (), BLOCKS)
    outside = (sorted_.ends[:, 0] < 0) | (sorted_.ends[:, 1] > 1)
    if outside.any():
        raise ModelError(f"row {int(np.argmax(outside))}: draws of a probability lie outside 0 to 1; mend predict")
    n = np.asarray(trials, dtype=float)
    if not ((n >= 0) & (n == np.floor(n))).all():
        raise ModelError("numbers of trials must be whole and not negative; mend the exposure column")
    quantiles = np.full((p.shape[1], len(levels)), np.nan)
    angles = np.arcsin(np.sqrt(sorted_.blocks))

    def fill(rows: NDArray[np.intp]) -> None:
        quantiles[rows] = _mixture_quantiles(angles[rows], int(n[rows[0]]), np.asarray(levels))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, _groups(n, angles)))
    n = np.where(n > 0, n, np.nan)
    mean = sorted_.mean
    sd = np.sqrt(sorted_.variance + np.maximum(mean * (1 - mean) - sorted_.variance, 0) / n)
    blank = np.where(np.isnan(n), np.nan, 1.0)
    return PredictiveSummary(mean * blank, sd, sorted_.mcse * blank, quantiles, sorted_.latent)


def summarise_draws(values: Array, levels: Sequence[float], chains: int = 1) -> PredictiveSummary:
    """The distribution of which `values` (draws, rows) are draws. Raises ModelError naming a row with NaN."""
    sorted_ = _sort(values, chains, levels, 0)
    draws = len(values)
    sd = np.sqrt(sorted_.variance * (draws / max(1, draws - 1)))
    return PredictiveSummary(sorted_.mean, sd, sorted_.mcse, sorted_.quantiles, sorted_.latent)


def latent_quantiles(values: Array, count: int = LATENT) -> NDArray[np.float32]:
    """The quantiles at (i + ½)/count of the draws of each row: (draws, rows) → (rows, count)."""
    return quantiles_of_sorted(np.sort(values.T, axis=1), mid_levels(count)).astype(np.float32)


def mid_levels(count: int) -> Array:
    """(i + ½)/count."""
    return (np.arange(count) + 0.5) / count


def quantiles_of_sorted(ordered: Array, levels: Array) -> Array:
    """Linearly interpolated quantiles of rows in ascending order: (rows, draws) → (rows, levels)."""
    positions = levels * (ordered.shape[1] - 1)
    low = np.floor(positions).astype(np.intp)
    high = np.minimum(low + 1, ordered.shape[1] - 1)
    below = ordered[:, low].astype(float)
    return np.asarray(below + (ordered[:, high] - below) * (positions - low))


def mcse_by_batches(values: Array, chains: int = 1) -> Array:
    """The MCSE of the mean by batch means (Flegal and Jones 2010), from (rows, draws), chains in a row.

    Batches of √(draws per chain), never across two chains. NaN where there is only one batch.
    """
    rows, draws = values.shape
    if chains < 1 or draws % chains:
        raise ModelError(f"{draws} draws cannot come from {chains} chains of equal length")
    length = draws // chains
    size = max(1, int(np.sqrt(length)))
    batches = length // size
    kept = values.reshape(rows, chains, length)[:, :, : batches * size]
    means = kept.reshape(rows, chains * batches, size).mean(axis=2)
    if means.shape[1] < 2:
        return np.full(rows, np.nan)
    return np.asarray(means.std(axis=1, ddof=1) / np.sqrt(means.shape[1]))


@dataclass(frozen=True)
class _Sorted:
    """What one sort of each row's draws gives."""

    mean: Array
    variance: Array
    mcse: Array
    ends: Array
    latent: NDArray[np.float32]
    quantiles: Array
    blocks: Array


def _sort(values: Array, chains: int, levels: Sequence[float], blocks: int) -> _Sorted:
    """Sort the draws of every row, in pieces, so that the copy in the order of rows stays in the cache."""
    draws, rows = values.shape
    edges = np.linspace(0, draws, min(blocks, draws) + 1).astype(np.intp)
    wanted = np.concatenate([np.asarray(levels, dtype=float), mid_levels(LATENT)])
    empty = [np.empty((rows, size)) for size in (1, 1, 1, 2, len(wanted), len(edges) - 1)]
    mean, variance, mcse, ends, quantiles, means = empty
    width = np.diff(edges)

    def fill(start: int) -> None:
        here = slice(start, start + PIECE)
        part = _by_row(values[:, here])
        with np.errstate(invalid="ignore"):  # of infinities, which are refused below
            mean[here, 0], variance[here, 0] = part.mean(axis=1), part.var(axis=1)
            mcse[here, 0] = mcse_by_batches(part, chains)
        # Half the width sorts in half the time, and seven digits are plenty for a probability.
        ordered = np.sort(part.astype(np.float32) if blocks else part, axis=1)
        ends[here] = ordered[:, [0, -1]]
        quantiles[here] = quantiles_of_sorted(ordered, wanted)
        if blocks:
            means[here] = np.add.reduceat(ordered, edges[:-1], axis=1) / width

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, range(0, rows, PIECE)))
    if not np.isfinite(mean).all():
        row = int(np.argmin(np.isfinite(mean[:, 0])))
        raise ModelError(f"row {row}: its draws hold NaN or infinities; predict must give finite draws")
    latent = quantiles[:, len(levels) :].astype(np.float32)
    return _Sorted(mean[:, 0], variance[:, 0], mcse[:, 0], ends, latent, quantiles[:, : len(levels)], means)


def _by_row(values: Array) -> Array:
    """(draws, rows) → (rows, draws) in tiles that fit the cache, twice as fast as a plain copy."""
    draws, rows = values.shape
    part = np.empty((rows, draws))
    for start in range(0, draws, TILE):
        part[:, start : start + TILE] = values[start : start + TILE].T
    return part


def _groups(trials: Array, angles: Array) -> Iterator[NDArray[np.intp]]:
    """Rows that share one table: the same number of trials, and probabilities in a range that the grid can span."""
    order = np.lexsort((angles.mean(axis=1), trials))
    order = order[trials[order] > 0]
    low, high = angles[:, 0], angles[:, -1]
    start = 0
    while start < len(order):
        n = trials[order[start]]
        stop = start + int(np.searchsorted(trials[order[start:]], n, side="right"))
        widest = WIDEST * STEP * spread(int(n))
        rows = order[start:stop]
        reach = np.maximum.accumulate(high[rows]) - np.minimum.accumulate(low[rows])
        fits = max(1, int(np.searchsorted(reach, widest, side="right")))
        yield rows[:fits]
        start += fits


def _mixture_quantiles(angles: Array, trials: int, levels: Array) -> Array:
    """Quantiles (rows, levels) of the share, the mixture given by equally likely arcsin √p of shape (rows, blocks).

    The grid consists of multiples of a step that the trials alone determine: a row has the same quantiles in whichever
    company it is predicted.
    """
    low, high = float(angles.min()), float(angles.max())
    # A single row may be wider than the widest grid: its probabilities then vary far more than its counts.
    step = max(STEP * spread(trials), (high - low) / WIDEST)
    first = int(low / step) - 1
    weights = _interpolation_weights(angles / step - first, int(high / step) - first + 3)
    counts = counts_between(low, high, trials, step)
    grid = np.square(np.sin(step * (first + np.arange(weights.shape[1]))))
    return _reach(weights @ cdf_table(grid, trials, counts), counts, levels) / trials


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


def _reach(cdf: Array, counts: NDArray[np.int64], levels: Array) -> Array:
    """The smallest count at which each row of `cdf` reaches each level, linear between counts that are not adjacent."""
    found = np.empty((len(cdf), len(levels)))
    rows = np.arange(len(cdf))
    for i, level in enumerate(levels):
        at = np.minimum((cdf < level - 1e-9).sum(axis=1), len(counts) - 1)
        before = np.maximum(at - 1, 0)
        rise = cdf[rows, at] - cdf[rows, before]
        share = np.divide(level - cdf[rows, before], rise, out=np.ones(len(cdf)), where=rise > 0)
        gap = counts[at] - counts[before]
        found[:, i] = np.where(gap <= 1, counts[at], counts[before] + np.ceil(np.clip(share, 0, 1) * gap))
    return found
