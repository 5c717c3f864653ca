"""Monte Carlo summaries of draws and the z test between two of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posterity.data.posterior import Posterior
from posterity.parity.sides import Array, Moments
from posterity.stats.multiplicity import holm, two_sided

FARTHEST = 999.0
"""The z value of a difference that has no Monte Carlo error to measure it by."""


def labels_of(posterior: Posterior, parameter: str) -> list[str]:
    """The names of a parameter's elements in C order, `effect[AA]`, `effect[2013-01, AA]`, or `level` alone."""
    shape = posterior.values[parameter].shape[2:]
    if not shape:
        return [parameter]
    axes = posterior.dims.get(parameter, ("",) * len(shape))
    texts = [_axis(posterior, axis, size) for axis, size in zip(axes, shape, strict=True)]
    return [
        f"{parameter}[{', '.join(text[i] for text, i in zip(texts, at, strict=True))}]" for at in np.ndindex(*shape)
    ]


def _axis(posterior: Posterior, axis: str, size: int) -> list[str]:
    return [str(label) for label in posterior.coords.get(axis, range(size))]


def moments(posterior: Posterior, parameters: Sequence[str]) -> Moments:
    """Mean and sd of every element of `parameters`, with MCSE from the ESS of the draws and of their squares.

    The error of the sd comes from the draws of (x − mean)², whose autocorrelation is not that of x: NUTS is
    antithetic in x but not in x² (Vehtari et al. 2021, section 4.3; the delta method for the root). Posteriors of the
    length of 4,000 draws take about a second per 1,000 elements.
    """
    names: list[str] = []
    labels: list[str] = []
    pieces: list[tuple[Array, Array, Array, Array]] = []
    for parameter in parameters:
        found = labels_of(posterior, parameter)
        names += [parameter] * len(found)
        labels += found
        values = posterior.values[parameter]
        pieces.append(_summaries(values.reshape(*values.shape[:2], -1)))
    mean, sd, mcse_mean, mcse_sd = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return Moments(tuple(names), tuple(labels), mean, sd, mcse_mean, mcse_sd)


def _summaries(values: Array) -> tuple[Array, Array, Array, Array]:
    """Mean, sd and their MCSE of (chains, draws, n)."""
    from arviz_stats.base import array_stats

    series = np.ascontiguousarray(np.moveaxis(values, -1, 0), dtype=float)
    mean, sd = series.mean(axis=(1, 2)), series.std(axis=(1, 2))
    mcse_mean, mcse_sd = np.zeros(len(series)), np.zeros(len(series))
    varies = np.ptp(series, axis=(1, 2)) > 0
    if varies.any():
        changing = series[varies]
        squares = np.square(changing - mean[varies, None, None])
        mcse_mean[varies] = array_stats.mcse(changing, method="mean")
        spread = np.ptp(squares, axis=(1, 2)) > 0
        errors = np.zeros(len(changing))
        errors[spread] = array_stats.mcse(squares[spread], method="mean")
        mcse_sd[varies] = errors / (2 * sd[varies])
    return mean, sd, mcse_mean, mcse_sd


def z_values(left: Array, right: Array, error_left: Array, error_right: Array) -> Array:
    """(left − right) / √(error_left² + error_right²); ±FARTHEST where they differ and have no error.

    Differences of the last bits, as from another order of summation, are none.
    """
    difference = np.asarray(left - right, dtype=float)
    difference[np.isclose(left, right, rtol=1e-12, atol=0)] = 0
    error = np.hypot(error_left, error_right)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(difference == 0, 0.0, difference / error)
    return np.clip(z, -FARTHEST, FARTHEST)


def adjusted(z: Array, families: int) -> Array:
    """p-values of one family of tests, by Holm within it and Bonferroni over the `families`.

    Each family gets the same share of the error rate, so that one parameter with thousands of elements does not
    take the power from those with one.
    """
    return np.asarray(np.minimum(holm(two_sided(z)) * families, 1.0))


def limit(count: int, families: int, level: float) -> float:
    """The |z| from which the largest of `count` tests of one family is a finding."""
    from scipy.special import ndtri

    return float(-ndtri(level / (2 * max(count, 1) * families)))


def rounding(values: NDArray[np.floating]) -> float:
    """The standard error of having been rounded to the decimals that `values` have; 0 from ten decimals on."""
    known = values[np.isfinite(values)]
    for decimals in range(10):
        if np.allclose(known, np.round(known, decimals), rtol=0, atol=10.0 ** -(decimals + 6)):
            return float(10.0**-decimals / np.sqrt(12))
    return 0.0
