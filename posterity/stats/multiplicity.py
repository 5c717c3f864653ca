"""Adjusted p-values for many tests at once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def benjamini_hochberg(p: Array) -> Array:
    """p-values adjusted to control the false-discovery rate (Benjamini and Hochberg 1995); NaN stays NaN."""
    return _adjust(p, lambda count: count / np.arange(1, count + 1), backwards=True)


def holm(p: Array) -> Array:
    """p-values adjusted to control the family-wise error rate (Holm 1979); NaN stays NaN."""
    return _adjust(p, lambda count: count - np.arange(count), backwards=False)


def _adjust(p: Array, factors, backwards: bool) -> Array:  # type: ignore[no-untyped-def]  # noqa: ANN001
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known])]
    scaled = p[order] * factors(len(order))
    monotone = np.minimum.accumulate(scaled[::-1])[::-1] if backwards else np.maximum.accumulate(scaled)
    adjusted[order] = np.minimum(monotone, 1)
    return adjusted


def two_sided(z: Array) -> Array:
    """The probability that a standard normal is farther from zero than `z`."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(z)))
