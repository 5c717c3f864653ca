"""Convergence diagnostics of many quantities at once (Vehtari et al. 2021; Margossian et al. 2024)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from posterity.errors import ModelError, SettingsError
from posterity.stats.ess import ess, ess_within

Array = NDArray[np.floating]

TAIL = (0.05, 0.95)
FEWEST = 4  # draws of a chain
WORST = 1e6  # in place of infinity, for which JSON has no word
PIECE = 200_000  # numbers looked at by one thread at once
THREADS = 2


@dataclass(frozen=True)
class Convergence:
    """Diagnostics of n quantities, arrays of shape (n,). A quantity that never changes has NaN diagnostics.

    ess_within: the bulk ESS were all chains to have one mean, see `posterity.stats.ess`.
    """

    mean: Array
    sd: Array
    mcse_mean: Array
    ess_bulk: Array
    ess_tail: Array
    ess_within: Array
    rhat: Array


def summarise(values: Array) -> Convergence:
    """Diagnose `values` of shape (chains, draws, n).

    Rank-normalised split R-hat, bulk and tail ESS and the MCSE of the mean, as in Vehtari et al. (2021),
    "Rank-normalization, folding, and localization". R-hat is 1000 where every chain stands still in a place of its
    own. Raises ModelError naming the first quantity with NaN or infinities, SettingsError with fewer than four draws.
    """
    series = _series(values)
    size = max(1, PIECE // max(1, series[:1].size))
    pieces = [series[start : start + size] for start in range(0, len(series), size)]
    if not pieces:
        return Convergence(*(np.empty(0) for _ in fields(Convergence)))
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(_diagnose, pieces))
    return Convergence(*(np.concatenate([getattr(part, item.name) for part in found]) for item in fields(Convergence)))


def nested_rhat(values: Array, superchains: int) -> Array:
    """Rank-normalised split nested R-hat of `values` (chains, draws, n), shape (n,).

    The chains are shared out to `superchains` groups of equal size in their order. For many short chains, whose split
    R-hat rejects perfect samplers (Margossian et al. 2024, "Nested R-hat", equations 4 to 8).
    """
    chains = values.shape[0]
    if superchains < 2 or chains % superchains or chains // superchains < 2:
        raise SettingsError(f"{chains} chains cannot form {superchains} superchains of two or more chains each")
    series = _series(values)
    kept = _split(series)
    found = [_nested(normal_scores(part), superchains) for part in (kept, _folded(kept))]
    return np.where(_still(series), np.nan, np.fmax(*found))


def bfmi(energy: Array) -> Array:
    """The energy Bayesian fraction of missing information of each chain (Betancourt 2016), from (chains, draws).

    NaN where the energy never changes.
    """
    change = np.square(np.diff(energy, axis=1)).mean(axis=1)
    variance = energy.var(axis=1, ddof=1)
    return np.asarray(np.divide(change, variance, out=np.full(len(energy), np.nan), where=variance > 0))


def normal_scores(series: Array) -> Array:
    """Each of the n parts of (n, chains, draws) replaced by the normal quantiles of its ranks, ties averaged (Blom)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    total = series.shape[1] * series.shape[2]
    flat = series.reshape(len(series), total)
    order = np.argsort(flat, axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    ranks = np.empty(flat.shape)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(1.0, total + 1), flat.shape), axis=1)
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if tied.any():
        ranks[tied] = rankdata(flat[tied], axis=1)
    halves = ndtri((np.maximum(np.arange(2 * total + 1) / 2, 1) - 0.375) / (total + 0.25))
    return np.asarray(halves[(2 * ranks).astype(np.intp)].reshape(series.shape))


def _series(values: Array) -> Array:
    """(chains, draws, n) → (n, chains, draws), refused where diagnostics would be meaningless."""
    if values.shape[1] < FEWEST:
        raise SettingsError(f"{values.shape[1]} draws in a chain are too few to diagnose; sample at least {FEWEST}")
    series = np.ascontiguousarray(np.moveaxis(values, -1, 0), dtype=float)
    finite = np.isfinite(series).all(axis=(1, 2))
    if not finite.all():
        raise ModelError(f"quantity {int(np.argmin(finite))} holds NaN or infinities; its draws must be finite")
    return series


def _still(series: Array) -> NDArray[np.bool_]:
    return np.asarray(np.ptp(series, axis=(1, 2)) == 0)


def _split(series: Array) -> Array:
    """The two halves of each chain as chains of their own, without the middle draw of an odd number."""
    half = series.shape[2] // 2
    return np.concatenate([series[:, :, :half], series[:, :, -half:]], axis=1)


def _folded(kept: Array) -> Array:
    """How far each draw is from the median, for split chains and so for an even number of draws.

    The two draws in the middle are equally far from it. Subtraction rounds that away one time and not the next, with
    which R-hat of short chains would depend on the units: the two get one distance.
    """
    flat = kept.reshape(len(kept), -1)
    half = flat.shape[1] // 2
    middle = np.argpartition(flat, (half - 1, half), axis=1)[:, half - 1 : half + 1]
    pair = np.take_along_axis(flat, middle, axis=1)
    distances = np.abs(flat - pair.mean(axis=1, keepdims=True))
    np.put_along_axis(distances, middle, np.ptp(pair, axis=1)[:, None] / 2, axis=1)
    return np.asarray(distances.reshape(kept.shape))


def _diagnose(series: Array) -> Convergence:
    kept = _split(series)
    scores = normal_scores(kept)
    folded = normal_scores(_folded(kept))
    low, high = np.quantile(series, TAIL, axis=(1, 2))[:, :, None, None]
    tail = np.minimum(ess((kept <= low).astype(float)), ess((kept <= high).astype(float)))
    sd = series.std(axis=(1, 2), ddof=1)
    rhat = np.fmax(_rhat(scores), _rhat(folded))
    still = _still(series)
    found = (sd / np.sqrt(ess(kept)), ess(scores), tail, ess_within(scores), rhat)
    diagnostics = (np.where(still, np.nan, item) for item in found)
    return Convergence(series.mean(axis=(1, 2)), np.where(still, 0, sd), *diagnostics)


def _rhat(scores: Array) -> Array:
    draws = scores.shape[2]
    between, within = scores.mean(axis=2).var(axis=1, ddof=1), scores.var(axis=2, ddof=1).mean(axis=1)
    return np.asarray(np.sqrt((draws - 1) / draws + _ratio(between, within)))


def _nested(scores: Array, superchains: int) -> Array:
    count, _, draws = scores.shape
    # The halves stand behind each other, so those of one superchain are apart by half the number of chains.
    groups = scores.reshape(count, 2, superchains, -1, draws).swapaxes(1, 2).reshape(count, superchains, -1, draws)
    means = groups.mean(axis=3)
    between = means.mean(axis=2).var(axis=1, ddof=1)
    within = (means.var(axis=2, ddof=1) + groups.var(axis=3, ddof=1).mean(axis=2)).mean(axis=1)
    return np.asarray(np.sqrt(1 + _ratio(between, within)))


def _ratio(between: Array, within: Array) -> Array:
    """Between over within, at most WORST; NaN where nothing differs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(within > 0, between / within, np.where(between > 0, WORST, np.nan))
    return np.asarray(np.minimum(ratio, WORST))
