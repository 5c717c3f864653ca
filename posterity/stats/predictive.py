"""Predictive distributions of many rows: moments and quantiles without simulating a single outcome.

The draws of a row are sorted once; their mid-quantiles are the latent form from which scores are computed. A share of
n trials whose probability has draws p₁ … p_S is predicted by the equal mixture of Binomial(n, p_s)/n, of which
`posterity.stats.mixture` finds the quantiles.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from posterity.errors import ModelError
from posterity.stats.binomial import cdf
from posterity.stats.mixture import TABULATED, mixture_quantiles

Array = NDArray[np.floating]
T = TypeVar("T")

LATENT = 100
BLOCKS = 250  # of the sorted draws of a row: at worst, with endless trials, 1/500 of error in the distribution function
LOOKED_UP, SEARCHED = 256, 64  # rows whose quantiles are looked up, or searched for, at once
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

    def fill(rows: NDArray[np.intp]) -> None:
        angles = np.arcsin(np.sqrt(sorted_.blocks[rows]))
        quantiles[rows] = mixture_quantiles(angles, n[rows], np.asarray(levels, dtype=float))

    _fill_all(fill, list(_groups(n)), p.shape[1])
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


def exceedance_binomial(p: Array, trials: Array, threshold: float) -> Array:
    """The probability (rows,) that the share of events among `trials` (rows,) exceeds `threshold`, given draws `p`
    (draws, rows) of their probability. NaN for rows without trials."""
    n = np.asarray(trials, dtype=float)
    most = np.floor(threshold * n + 1e-9)  # the largest count that does not exceed it
    with np.errstate(invalid="ignore"):
        below = np.stack(
            [
                cdf(np.full(len(p), k), np.full(len(p), m), draws).mean()
                for k, m, draws in zip(most, n, p.T, strict=True)
            ]
        )
    return np.asarray(np.where(n > 0, 1.0 - below, np.nan))


def exceedance_draws(values: Array, threshold: float) -> Array:
    """The share of the draws of each row, (draws, rows), above `threshold`."""
    return np.asarray((values > threshold).mean(axis=0))


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

    _fill_all(fill, range(0, rows, PIECE), rows)
    if not np.isfinite(mean).all():
        row = int(np.argmin(np.isfinite(mean[:, 0])))
        raise ModelError(f"row {row}: its draws hold NaN or infinities; predict must give finite draws")
    latent = quantiles[:, len(levels) :].astype(np.float32)
    return _Sorted(mean[:, 0], variance[:, 0], mcse[:, 0], ends, latent, quantiles[:, : len(levels)], means)


def _fill_all(fill: Callable[[T], None], parts: Sequence[T], rows: int) -> None:
    """Fill every part, in threads where there are so many rows that starting them pays."""
    if rows <= PIECE:
        for part in parts:
            fill(part)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, parts))


def _by_row(values: Array) -> Array:
    """(draws, rows) → (rows, draws): as it lies in memory, or else in tiles that fit the cache, twice as fast as a
    plain copy."""
    if values.T.flags.c_contiguous:
        return np.asarray(values.T, dtype=float)
    draws, rows = values.shape
    part = np.empty((rows, draws))
    for start in range(0, draws, TILE):
        part[:, start : start + TILE] = values[start : start + TILE].T
    return part


def _groups(trials: Array) -> Iterator[NDArray[np.intp]]:
    """Rows that are worked on together, in the order of their trials; fewer of those with very many."""
    order = np.argsort(trials, kind="stable")
    none, many = np.searchsorted(trials[order], [0, TABULATED], side="right")
    for rows, size in ((order[none:many], LOOKED_UP), (order[many:], SEARCHED)):
        for start in range(0, len(rows), size):
            yield rows[start : start + size]
