"""Scores of forecasts on outcomes (Gneiting and Raftery 2007), from latent quantiles.

A forecast of a row is L latent quantiles. With trials n they are probabilities and the predictive distribution of the
share is the equal mixture of Binomial(n, p_i)/n; without, they are quantiles of the predictive distribution itself.
All functions take `latent` of shape (rows, L) and outcomes of shape (rows,), shares where there are trials.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def crps(latent: Array, outcome: Array, trials: Array | None = None) -> Array:
    """Continuous ranked probability score of each row, in the outcome's unit; smaller is better.

    For shares ∫(F(x) − 1{x ≥ y})² dx over the steps of the mixture's distribution function; else the quantile form
    2·mean of the pinball losses.
    """
    if trials is None:
        levels = _levels(latent.shape[1])
        gap = outcome[:, None] - latent
        return np.asarray(2 * np.where(gap >= 0, levels * gap, (levels - 1) * gap).mean(axis=1))
    return np.array([_crps_share(*row) for row in zip(latent, outcome, trials, strict=True)])


def log_score(latent: Array, outcome: Array, trials: Array | None = None) -> Array:
    """Negative log predictive density of each row; smaller is better.

    For shares the mixture's log probability of the count; else the density between the two quantiles around
    the outcome,
    with exponential tails beyond the outermost ones.
    """
    if trials is None:
        return np.array([-_log_density(row, value) for row, value in zip(latent, outcome, strict=True)])
    from scipy.special import logsumexp
    from scipy.stats import binom

    count = np.rint(outcome * trials)
    p = np.clip(latent, 1e-12, 1 - 1e-12)
    logs = binom.logpmf(count[:, None], trials[:, None], p)
    return np.asarray(-(logsumexp(logs, axis=1) - np.log(latent.shape[1])))


def pit(latent: Array, outcome: Array, trials: Array | None = None, seed: int = 0) -> Array:
    """Probability integral transform of each row: uniform if the forecasts are calibrated.

    Randomised within the jump at the outcome where outcomes are counts (Czado, Gneiting and Held 2009).
    """
    below, upto = _distribution(latent, outcome, trials)
    return np.asarray(below + np.random.default_rng(seed).random(len(outcome)) * (upto - below))


def covered(
    latent: Array, outcome: Array, level: float, trials: Array | None = None, seed: int = 0
) -> NDArray[np.bool_]:
    """Whether each outcome lies in the central interval of `level`: the randomised PIT within its limits, so that a
    calibrated forecast covers exactly `level` also where outcomes are counts."""
    value = pit(latent, outcome, trials, seed)
    return np.asarray((value >= (1 - level) / 2) & (value <= (1 + level) / 2))


def coverage_interval(level: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """The limits within which the share covered lies with `confidence` when `count` independent forecasts are right."""
    from scipy.stats import binom

    low, high = binom.interval(confidence, count, level)
    return float(low / count), float(high / count)


@dataclass(frozen=True)
class Paired:
    """The mean difference of two scores on the same rows, its standard error, and what it says of the first."""

    difference: float
    standard_error: float
    verdict: Literal["better", "equal", "worse"]


def paired(
    new: Array, old: Array, clusters: Array | None = None, weights: Array | None = None, limit: float = 2.0
) -> Paired:
    """Hold scores `new` against `old` (rows,), smaller is better: `equal` within `limit` standard errors.

    Rows of one cluster (such as one carrier) may depend on each other: the standard error sums them first.
    """
    weight = np.ones(len(new)) if weights is None else np.asarray(weights, dtype=float)
    weight = weight / weight.sum()
    gap = new - old
    mean = float(weight @ gap)
    parts = weight * (gap - mean)
    if clusters is not None:
        _, codes = np.unique(clusters, return_inverse=True)
        parts = np.bincount(codes, parts)
    count = len(parts)
    error = float(np.sqrt(count / max(1, count - 1) * np.square(parts).sum()))
    verdict: Literal["better", "equal", "worse"] = "equal"
    if abs(mean) > limit * error:
        verdict = "better" if mean < 0 else "worse"
    return Paired(mean, error, verdict)


def exceedance(latent: Array, threshold: float, trials: Array | None = None) -> Array:
    """The predicted probability that the outcome is above `threshold`, for each row."""
    _, upto = _distribution(latent, np.full(len(latent), threshold), trials, rounded=False)
    return 1 - upto


def _distribution(latent: Array, at: Array, trials: Array | None, rounded: bool = True) -> tuple[Array, Array]:
    """P(Y < at) and P(Y ≤ at) of each row."""
    if trials is None:
        levels = _levels(latent.shape[1])
        value = np.array([np.interp(x, row, levels, left=0.0, right=1.0) for x, row in zip(at, latent, strict=True)])
        return value, value
    from scipy.special import bdtr

    count = np.rint(at * trials) if rounded else np.floor(at * trials + 1e-9)
    upto = bdtr(np.maximum(count, 0)[:, None], trials[:, None].astype(int), latent).mean(axis=1)
    below = np.where(
        count > 0, bdtr(np.maximum(count - 1, 0)[:, None], trials[:, None].astype(int), latent).mean(axis=1), 0
    )
    return below, upto


def _crps_share(p: Array, outcome: float, trials: float) -> float:
    from scipy.special import bdtr

    n = int(trials)
    steps = np.arange(n)
    cdf = bdtr(steps[None, :].astype(float), n, p[:, None]).mean(axis=0)
    return float(np.square(cdf - (steps >= np.rint(outcome * n))).sum() / n)


def _log_density(quantiles: Array, value: float) -> float:
    """The log density of a distribution known by its quantiles at (i + ½)/L."""
    count = len(quantiles)
    tail = 0.5 / count
    spread = max(float(quantiles[-1] - quantiles[0]) / count, 1e-12)
    if value < quantiles[0] or value > quantiles[-1]:
        end = quantiles[0] if value < quantiles[0] else quantiles[-1]
        inner = quantiles[min(10, count - 1)] if value < quantiles[0] else quantiles[-min(11, count)]
        scale = max(abs(float(end - inner)) / np.log(max(2.0, 10.5 / 0.5)), spread)
        return float(np.log(tail / scale) - abs(value - end) / scale)
    place = int(np.clip(np.searchsorted(quantiles, value) - 1, 0, count - 2))
    low, high = max(0, place - 1), min(count - 1, place + 2)  # three gaps, for a smoother density
    return float(np.log((high - low) / count / max(float(quantiles[high] - quantiles[low]), spread * 1e-3)))


def _levels(count: int) -> Array:
    return (np.arange(count) + 0.5) / count
