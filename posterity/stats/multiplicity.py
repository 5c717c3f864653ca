"""Adjusted p-values for many tests at once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def benjamini_hochberg(p: Array) -> Array:
    """p-values adjusted to control the false-discovery rate (Benjamini and Hochberg 1995); NaN stays NaN."""
    order, ordered = _ascending(p)
    scaled = ordered * len(order) / np.arange(1, len(order) + 1)
    return _placed(p, order, np.minimum.accumulate(scaled[::-1])[::-1])


def holm(p: Array) -> Array:
    """p-values adjusted to control the family-wise error rate (Holm 1979); NaN stays NaN."""
    order, ordered = _ascending(p)
    return _placed(p, order, np.maximum.accumulate(ordered * (len(order) - np.arange(len(order)))))


def _ascending(p: Array) -> tuple[NDArray[np.intp], Array]:
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    return order, p[order]


def _placed(p: Array, order: NDArray[np.intp], adjusted: Array) -> Array:
    found = np.full(len(p), np.nan)
    found[order] = np.minimum(adjusted, 1)
    return found


def two_sided(z: Array) -> Array:
    """The probability that a standard normal is farther from zero than `z`."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(z)))
