"""How a chain learns its metric and step size during warm-up: plain NumPy between the compiled steps.

Everything depends on the step index and the draws so far alone, never on how the steps are cut into blocks.
Why the Fisher diagonal is the default, with figures: docs/decisions/adaptation.md.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Method = Literal["fisher", "stan"]

FIRST_STEP_SIZE = 0.1


class Dual(NamedTuple):
    """Dual averaging of the log step size (Hoffman and Gelman 2014, section 3.2), as one array in this order.

    log_step: what the next warm-up step uses; log_average: what draws use; error: mean of target - acceptance;
    center: where the step size is drawn to; steps: how many so far.
    """

    log_step: float
    log_average: float
    error: float
    center: float
    steps: float

    @classmethod
    def start(cls, step_size: float) -> Array:
        """Begin at `step_size`."""
        return np.array(cls(np.log(step_size), np.log(step_size), 0.0, np.log(10 * step_size), 0.0))


class Moments(NamedTuple):
    """Running mean and sum of squared deviations of draws (row 0) and of their gradients (row 1), shape (2, n)."""

    seen: Array
    mean: Array
    squares: Array

    @classmethod
    def empty(cls, dimension: int) -> "Moments":
        """Nothing seen yet."""
        return cls(np.zeros(()), np.zeros((2, dimension)), np.zeros((2, dimension)))

    def add(self, values: Array) -> "Moments":
        """With one more draw and gradient, shape (2, n) (Welford's update)."""
        seen = self.seen + 1
        change = values - self.mean
        mean = self.mean + change / seen
        return Moments(seen, mean, self.squares + change * (values - mean))

    def variances(self, ddof: int = 0) -> Array:
        """Variances of draws and gradients, shape (2, n)."""
        return self.squares / np.maximum(self.seen - ddof, 1)


class Adaptation(NamedTuple):
    """The state of warm-up: the diagonal of the inverse mass matrix, and the two overlapping windows it is
    estimated from (`recent` is the part of `window` that the next one begins with)."""

    inverse_mass: Array
    window: Moments
    recent: Moments


def begin(gradient: Array, method: Method) -> Adaptation:
    """Before the first step, given the gradient at the start, shape (n,)."""
    empty = Moments.empty(gradient.size)
    if method == "stan":
        return Adaptation(np.ones_like(gradient), empty, empty)
    return Adaptation(1 / np.clip(np.abs(gradient), 1e-10, 1e10), empty, empty)


@dataclass(frozen=True)
class Schedule:
    """What happens after which warm-up step (counted from 0).

    learning: steps whose draws are observed; updates: steps after which the metric is computed anew; switches:
    steps after which the older draws are forgotten; restarts: steps after which dual averaging begins again.
    """

    learning: range
    updates: frozenset[int]
    switches: frozenset[int]
    restarts: frozenset[int]

    def next_stop(self, step: int, end: int) -> int:
        """The first step index after `step` at which the chain has to come back here, at most `end`."""
        return min((action + 1 for action in self.updates | self.switches if action >= step), default=end)


@lru_cache
def schedule(method: Method, warmup: int) -> Schedule:
    """The schedule of `warmup` steps."""
    return _stan_schedule(warmup) if method == "stan" else _fisher_schedule(warmup)


EARLY, FINAL = 0.3, 0.15
"""Shares of warm-up with short windows, and with a fixed metric at its end (nutpie's)."""

SHORT, LONG, GROWTH = 10, 80, 1.5
"""Steps of an early window, of the first long one, and the growth from one long window to the next (nutpie's)."""


def _fisher_schedule(warmup: int) -> Schedule:
    learned = warmup - round(FINAL * warmup)
    switches, stop, length = [], 0, float(LONG)
    while stop < learned:
        early = stop + SHORT <= EARLY * warmup
        stop += SHORT if early else int(length)
        length = length if early else length * GROWTH
        if early or stop + length <= learned:
            switches.append(stop - 1)
    updates = range(SHORT - 1, learned, SHORT)
    last = {learned - 1} if learned else set()
    return Schedule(range(learned), frozenset({*updates, *last}), frozenset(switches), frozenset())


def _stan_schedule(warmup: int) -> Schedule:
    """Stan's windows: 75 steps, doubling windows from 25, 50 steps (Stan reference manual, "Automatic parameter
    tuning"); with fewer than 150 steps 15 %, 75 % and 10 %."""
    first, window, last = (75, 25, 50) if warmup >= 150 else (int(0.15 * warmup), 0, int(0.1 * warmup))
    learned, ends, stop = warmup - last, [], first
    while stop < learned:
        stop = stop + window if window and stop + 3 * window <= learned else learned
        ends.append(stop - 1)
        window *= 2
    return Schedule(range(first, learned), frozenset(ends), frozenset(ends), frozenset(ends))


def observe(state: Adaptation, draws: Array, gradients: Array) -> Adaptation:
    """Take in steps of the chain, shape (steps, n) each, one after the other."""
    window, recent = state.window, state.recent
    for values in np.stack([draws, gradients], axis=1):
        window, recent = window.add(values), recent.add(values)
    return state._replace(window=window, recent=recent)


def update(state: Adaptation, method: Method) -> Adaptation:
    """The metric that the current window suggests.

    `fisher`: sqrt(Var(draws) / Var(gradients)), the diagonal metric of least Fisher divergence (Seyboldt, Carlson
    and Carpenter 2026, "Preconditioning Hamiltonian Monte Carlo by minimizing Fisher divergence"); where it is not
    defined, the metric stays. `stan`: Var(draws), shrunk towards 10^-3.
    """
    if method == "stan":
        seen = state.window.seen
        shrunk = (seen * state.window.variances(ddof=1)[0] + 5e-3) / (seen + 5)
        return state._replace(inverse_mass=shrunk)
    draws, gradients = state.window.variances()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(draws / gradients)
    defined = np.isfinite(ratio) & (ratio > 0)
    return state._replace(inverse_mass=np.where(defined, np.clip(ratio, 1e-20, 1e20), state.inverse_mass))


def switch(state: Adaptation, method: Method) -> Adaptation:
    """Forget the older draws: the next window begins with the recent ones (`fisher`) or empty (`stan`)."""
    empty = Moments.empty(state.inverse_mass.size)
    return state._replace(window=empty if method == "stan" else state.recent, recent=empty)
