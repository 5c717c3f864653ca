"""Predictive distributions of many rows: moments and quantiles without simulating a single outcome.

A share of n trials whose probability has draws p₁ … p_S is predicted by the equal mixture of Binomial(n, p_s)/n. The
draws of a row are binned on a grid that is even in arcsin √p (where a binomial has about the same spread everywhere),
each draw shared by its two neighbours in proportion to its distance; the mixture's distribution function is then the
product of these weights with a table of binomial distribution functions, one matrix product for all rows that have the
same number of trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

GRID = 513
COUNTS = 400  # counts at which the distribution function of a large number of trials is tabulated
PIECE = 512  # rows of one matrix product


@dataclass(frozen=True)
class PredictiveSummary:
    """The predictive distribution of each row: mean, sd, MCSE of the mean (rows,), quantiles (rows, levels)."""

    mean: Array
    sd: Array
    mcse: Array
    quantiles: Array


def summarise_binomial(p: Array, trials: Array, levels: Sequence[float], chains: int = 1) -> PredictiveSummary:
    """The share of events among `trials` (rows,), given draws `p` (draws, rows) of their probability.

    A quantile is the smallest share whose distribution function reaches the level. Rows without trials get NaN.
    """
    n = np.asarray(trials, dtype=float)
    mean, between = p.mean(axis=0), p.var(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        within = (mean - np.square(mean) - between) / n
    none = n <= 0
    quantiles = np.full((p.shape[1], len(levels)), np.nan)
    for count in np.unique(n[~none]):
        rows = np.flatnonzero(n == count)
        for start in range(0, len(rows), PIECE):
            piece = rows[start : start + PIECE]
            quantiles[piece] = _binomial_quantiles(p[:, piece], int(count), levels)
    sd = np.where(none, np.nan, np.sqrt(np.maximum(between + within, 0)))
    blank = np.where(none, np.nan, 1.0)
    return PredictiveSummary(mean * blank, sd, mcse_by_batches(p, chains) * blank, quantiles)


def summarise_draws(values: Array, levels: Sequence[float], chains: int = 1) -> PredictiveSummary:
    """The distribution of which `values` (draws, rows) are draws."""
    quantiles = np.quantile(values, levels, axis=0).T
    return PredictiveSummary(values.mean(axis=0), values.std(axis=0, ddof=1), mcse_by_batches(values, chains), quantiles)


def latent_quantiles(values: Array, count: int = 100) -> NDArray[np.float32]:
    """The quantiles at (i + ½)/count of the draws of each row: (draws, rows) → (rows, count)."""
    ordered = np.sort(np.ascontiguousarray(values.T), axis=1)
    positions = (np.arange(count) + 0.5) / count * (ordered.shape[1] - 1)
    low = np.floor(positions).astype(int)
    share = positions - low
    high = np.minimum(low + 1, ordered.shape[1] - 1)
    return (ordered[:, low] * (1 - share) + ordered[:, high] * share).astype(np.float32)


def mcse_by_batches(values: Array, chains: int) -> Array:
    """The MCSE of the mean of each row by batch means (Flegal and Jones 2010), from (draws, rows), chains in a row."""
    length = values.shape[0] // chains
    size = max(1, int(np.sqrt(length)))
    batches = length // size
    kept = values.reshape(chains, length, -1)[:, : batches * size]
    means = kept.reshape(chains * batches, size, -1).mean(axis=1)
    if len(means) < 2:
        return np.full(values.shape[1], np.nan)
    return np.asarray(means.std(axis=0, ddof=1) / np.sqrt(len(means)))


def binomial_mixture_cdf(weights: Array, trials: int, counts: NDArray[np.integer]) -> Array:
    """P(count ≤ k) for each row and k in `counts`, from weights (rows, GRID) over the grid of probabilities."""
    from scipy.special import bdtr

    table = bdtr(counts[None, :].astype(float), trials, grid_probabilities()[:, None])
    return np.asarray(weights @ table.astype(weights.dtype))


def grid_probabilities() -> Array:
    """The grid: even in arcsin √p, from 0 to 1."""
    return np.square(np.sin(np.linspace(0, np.pi / 2, GRID)))


def bin_draws(p: Array) -> NDArray[np.float32]:
    """Weights of shape (rows, GRID) of the draws (draws, rows), adding up to 1 in each row."""
    draws, rows = p.shape
    place = np.arcsin(np.sqrt(np.clip(p, 0, 1))) * ((GRID - 1) / (np.pi / 2))
    low = np.minimum(place.astype(np.intp), GRID - 2)
    share = place - low
    flat = (low + np.arange(rows) * GRID).ravel()
    size = rows * GRID
    weights = np.bincount(flat, (1 - share).ravel(), size) + np.bincount(flat + 1, share.ravel(), size)
    return (weights.reshape(rows, GRID) / draws).astype(np.float32)


def _binomial_quantiles(p: Array, trials: int, levels: Sequence[float]) -> Array:
    low, high = _range(p, trials)
    counts = np.unique(np.linspace(low, high, COUNTS).astype(int)) if high - low > COUNTS else np.arange(low, high + 1)
    cdf = binomial_mixture_cdf(bin_draws(p), trials, counts)
    found = [counts[np.minimum((cdf < level - 1e-6).sum(axis=1), len(counts) - 1)] for level in levels]
    return np.stack(found, axis=1) / trials


def _range(p: Array, trials: int) -> tuple[int, int]:
    """Counts outside which there is no mass to speak of."""
    ends = np.array([p.min(), p.max()])
    reach = 6 * np.sqrt(trials * ends * (1 - ends)) + 6
    low, high = trials * ends + np.array([-1, 1]) * reach
    return max(0, int(low)), min(trials, int(np.ceil(high)))
