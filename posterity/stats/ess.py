"""Autocovariances and effective sample sizes of many series at once.

The estimator of Vehtari et al. (2021, section 3.2): Geyer's initial monotone sequence over the autocorrelations of all
chains together. ArviZ has the same, one series at a time and behind seconds of imports.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

CORRECTIONS = 2  # further ones change nothing (simulated)


def ess(series: Array) -> Array:
    """Effective sample sizes (n,) of `series` (n, chains, draws). A series that never changes counts in full."""
    covariance, inside = _autocovariance(series)
    between = series.mean(axis=2).var(axis=1, ddof=1) if series.shape[1] > 1 else np.zeros(len(series))
    return _where_it_changes(series, _size(covariance, inside, between[:, None], series))


def ess_within(series: Array) -> Array:
    """The ESS (n,) were all chains to have one mean: what they could hold, whether or not they agree.

    Autocovariances about a chain's own mean are too small by that mean's variance, γ₀ over the chain's ESS, which is
    added again; without it short chains look up to twice as good as they are.
    """
    covariance, inside = _autocovariance(series)
    between = np.zeros_like(inside)
    found = _size(covariance, inside, between, series)
    for _ in range(CORRECTIONS):
        between = inside / np.maximum(found[:, None] / series.shape[1] - 1, 0.25)
        found = _size(covariance, inside, between, series)
    return _where_it_changes(series, found)


def mean_autocovariance(centred: Array) -> Array:
    """Autocovariance at every lag, averaged over chains: (n, chains, draws) → (n, draws)."""
    from scipy.fft import irfft, next_fast_len, rfft

    draws = centred.shape[2]
    size = next_fast_len(2 * draws, real=True)
    spectrum = rfft(centred, n=size, axis=2)
    power = (np.square(spectrum.real) + np.square(spectrum.imag)).mean(axis=1)
    return np.asarray(irfft(power, n=size, axis=1)[:, :draws] / draws)


def _autocovariance(series: Array) -> tuple[Array, Array]:
    """At every lag (n, draws) and at lag 0 (n, 1)."""
    covariance = mean_autocovariance(series - series.mean(axis=2, keepdims=True))
    return covariance, covariance[:, :1].copy()


def _size(covariance: Array, inside: Array, between: Array, series: Array) -> Array:
    """The ESS given the variances (n, 1) within and between chains."""
    _, chains, draws = series.shape
    unbiased = inside * (draws / (draws - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = 1 - (unbiased - covariance) / (inside + between)
    return np.asarray(chains * draws / _autocorrelation_time(correlation, chains * draws))


def _where_it_changes(series: Array, found: Array) -> Array:
    still = np.ptp(series, axis=(1, 2)) < np.finfo(float).resolution
    return np.where(still, series.shape[1] * series.shape[2], found)


def _autocorrelation_time(correlation: Array, total: int) -> Array:
    """The integrated autocorrelation time by Geyer's initial monotone sequence, from (n, lags)."""
    correlation[:, 0] = 1
    last = max(1, (correlation.shape[1] - 1) // 2)  # pairs of lags that are looked at
    even, odd = correlation[:, 0 : 2 * last : 2], correlation[:, 1 : 2 * last : 2]
    pairs = even[:, : odd.shape[1]] + odd
    stops = pairs <= 0
    stops[:, -1] = True
    stop = np.argmax(stops, axis=1)
    summed = np.cumsum(np.minimum.accumulate(pairs, axis=1), axis=1)
    rows = np.arange(len(pairs))
    kept = np.where(stop > 0, summed[rows, np.maximum(stop - 1, 0)], 0.0)
    time = -1 + 2 * kept + np.maximum(even[rows, stop], 0)
    return np.asarray(np.maximum(time, 1 / np.log10(total)))
