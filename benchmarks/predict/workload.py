"""A posterior of a hierarchical binomial-logit model and rows to predict: the same for everybody."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHAINS, DRAWS = 4, 1000
CARRIERS, ROUTES, MOST_TRIALS = 16, 300, 400
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)

Array = NDArray[np.floating]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Workload:
    """Draws of the intercept (S,), carrier (S, CARRIERS) and route effects (S, ROUTES); of each row its carrier, its
    route and its number of trials."""

    intercept: Array
    carrier_effects: Array
    route_effects: Array
    carrier: Places
    route: Places
    trials: Places

    def probabilities(self, rows: slice) -> Array:
        """Draws of the probability of `rows`: (S, rows), a row's draws side by side in memory
        as `Draws.effect` gives them. NumPy's exp takes half as long as scipy's expit."""
        against = np.take(-self.route_effects.T, self.route[rows], axis=0)
        against -= np.take(self.carrier_effects.T, self.carrier[rows], axis=0)
        against -= self.intercept
        np.exp(against, out=against)
        against += 1
        return np.reciprocal(against, out=against).T


def workload(rows: int, seed: int = 0) -> Workload:
    """`rows` rows and a posterior as wide as the one of three months of flights."""
    rng = np.random.default_rng(seed)
    size = CHAINS * DRAWS

    def effects(count: int, between: float, within: float) -> Array:
        return rng.normal(0, between, count) + rng.normal(0, within, (size, count))

    return Workload(
        rng.normal(-1.2, 0.1, size),
        effects(CARRIERS, 0.3, 0.08),
        effects(ROUTES, 0.4, 0.2),
        rng.integers(0, CARRIERS, rows),
        rng.integers(0, ROUTES, rows),
        rng.integers(1, MOST_TRIALS + 1, rows),
    )
