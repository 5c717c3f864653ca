"""Scores of forecasts on outcomes (Gneiting and Raftery 2007), from latent quantiles.

A forecast of a row is L latent quantiles (`posterity.stats.latent`): probabilities where there are trials, else
quantiles of the predictive distribution itself. All functions take `latent` of shape (rows, L) and outcomes of shape
(rows,), shares where there are trials, and give NaN for rows without an outcome or without trials. Smaller is better.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from posterity.errors import ModelError
from posterity.stats.latent import (
    distribution,
    levels,
    log_density,
    share_crps,
    share_distribution,
    share_log_probability,
)

Array = NDArray[np.floating]
ROUNDING = 1e-6  # of a count, in shares that come from divisions


def crps(latent: Array, outcome: Array, trials: Array | None = None) -> Array:
    """Continuous ranked probability score of each row, in the outcome's unit.

    For shares ∫(F(x) − 1{x ≥ y})² dx of the mixture's distribution function; else the quantile form, twice the mean of
    the pinball losses.
    """
    known, count, n = _known(outcome, trials)
    found = np.full(len(outcome), np.nan)
    if n is None:
        level, gap = levels(latent.shape[1]), outcome[known, None] - latent[known]
        found[known] = 2 * np.where(gap >= 0, level * gap, (level - 1) * gap).mean(axis=1)
    else:
        rows = zip(latent[known], count.astype(int), n.astype(int), strict=True)
        found[known] = [share_crps(*row) for row in rows]
    return found


def log_score(latent: Array, outcome: Array, trials: Array | None = None) -> Array:
    """Negative log predictive probability (shares) or density of each row."""
    known, value, n = _known(outcome, trials)
    found = np.full(len(outcome), np.nan)
    part = latent[known].astype(float)
    found[known] = -(log_density(part, value) if n is None else share_log_probability(part, value, n))
    return found


def pit(latent: Array, outcome: Array, trials: Array | None = None, seed: int = 0) -> Array:
    """Probability integral transform of each row: uniform if the forecasts are calibrated.

    Randomised within the jump at the outcome where outcomes are counts (Czado, Gneiting and Held 2009).
    """
    below, upto = _around(latent, outcome, trials)
    return np.asarray(below + np.random.default_rng(seed).random(len(outcome)) * (upto - below))


def covered(
    latent: Array, outcome: Array, level: float, trials: Array | None = None, seed: int = 0
) -> NDArray[np.bool_]:
    """Whether each outcome lies in the central interval of `level`: the randomised PIT within its limits, so that a
    calibrated forecast covers exactly `level` also where outcomes are counts."""
    value = pit(latent, outcome, trials, seed)
    return np.asarray((value >= (1 - level) / 2) & (value <= (1 + level) / 2))


def coverage_interval(level: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """The limits within which the share covered lies with `confidence` when `count` independent forecasts are right.

    Too narrow for rows that share what moved them, such as one month's weather: see `posterity.stats.coverage`.
    """
    from scipy.stats import binom

    if count == 0:
        return 0.0, 1.0
    low, high = binom.interval(confidence, count, level)
    return float(low / count), float(high / count)


def exceedance(latent: Array, threshold: float, trials: Array | None = None) -> Array:
    """The predicted probability that the outcome is above `threshold`, for each row."""
    at = np.full(len(latent), float(threshold))
    if trials is None:
        return 1 - distribution(latent, at)[1]
    n = np.asarray(trials, dtype=float)
    upto = share_distribution(latent, np.floor(threshold * n + ROUNDING), np.maximum(n, 1))[1]
    return np.where(n > 0, 1 - upto, np.nan)


@dataclass(frozen=True)
class Paired:
    """The mean difference of two scores on the same rows, its standard error, and what it says of the first.

    The standard error is 0 where there is only one row, of which nothing can be said.
    """

    difference: float
    standard_error: float
    verdict: Literal["better", "equal", "worse"]


def paired(
    new: Array, old: Array, clusters: Array | None = None, weights: Array | None = None, confidence: float = 0.95
) -> Paired:
    """Hold scores `new` against `old` (rows,), smaller is better: `equal` within the t-interval of `confidence`.

    Rows of one cluster (such as one carrier) may depend on each other: the standard error sums them first and has the
    degrees of freedom of the clusters (Cameron and Miller 2015). With one cluster only, rows are taken as independent.
    Rows where one of the two has no score are left out.
    """
    from scipy.stats import t

    weight = np.ones(len(new)) if weights is None else np.asarray(weights, dtype=float)
    kept = np.isfinite(new) & np.isfinite(old) & (weight > 0)
    gap, weight = (new - old)[kept], weight[kept]
    if not len(gap):
        return Paired(0.0, 0.0, "equal")
    weight = weight / weight.sum()
    mean = float(weight @ gap)
    parts = _by_cluster(weight * (gap - mean), None if clusters is None else np.asarray(clusters)[kept])
    count = len(parts)
    error = float(np.sqrt(count / max(1, count - 1) * np.square(parts).sum()))
    noise = 1e-12 * float(np.abs(old[kept]).mean())
    verdict: Literal["better", "equal", "worse"] = "equal"
    if count > 1 and abs(mean) > max(noise, float(t.ppf((1 + confidence) / 2, count - 1)) * error):
        verdict = "better" if mean < 0 else "worse"
    return Paired(mean, error, verdict)


def _by_cluster(parts: Array, clusters: NDArray[np.generic] | None) -> Array:
    if clusters is None:
        return parts
    names, codes = np.unique(clusters.astype(str), return_inverse=True)
    return np.asarray(np.bincount(codes, parts) if len(names) > 1 else parts, dtype=float)


def _known(outcome: Array, trials: Array | None) -> tuple[NDArray[np.bool_], Array, Array | None]:
    """Which rows can be scored, and their outcomes (counts where there are trials) and trials."""
    if trials is None:
        known = np.isfinite(outcome)
        return known, np.asarray(outcome[known], dtype=float), None
    n = np.asarray(trials, dtype=float)
    known = np.isfinite(outcome) & (n > 0)
    count = outcome[known] * n[known]
    wrong = (np.abs(count - np.rint(count)) > ROUNDING * n[known]) | (count < 0) | (np.rint(count) > n[known])
    if wrong.any():
        row = int(np.flatnonzero(known)[np.argmax(wrong)])
        raise ModelError(f"outcome {outcome[row]:g} of row {row} is no share of {n[row]:g} trials; mend actuals")
    return known, np.rint(count), n[known]


def _around(latent: Array, outcome: Array, trials: Array | None) -> tuple[Array, Array]:
    """P(Y < y) and P(Y ≤ y) of each row at its outcome."""
    known, value, n = _known(outcome, trials)
    found = np.full((2, len(outcome)), np.nan)
    part = latent[known].astype(float)
    found[:, known] = distribution(part, value) if n is None else share_distribution(part, value, n)
    return found[0], found[1]
