"""What a chain is between two steps, as plain data: it is written and read without the engine."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posterity.sampling.adaptation import Adaptation, Moments
from posterity.sampling.density import Array

STATS = ("lp", "acceptance", "energy", "step_size", "depth", "leapfrogs", "diverging")
"""Sample statistics of a step; `leapfrogs` counts gradient evaluations, `energy` is the Hamiltonian."""


class Point(NamedTuple):
    """Where a chain is: position and gradient have shape (dimension,)."""

    position: Array
    log_density: NDArray[np.float64]
    gradient: Array


class ChainState(NamedTuple):
    """All that a chain is between two steps; `step` is the index of the next one."""

    step: int
    point: Point
    dual: Array
    adapted: Adaptation

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The state as named arrays."""
        window, recent = self.adapted.window, self.adapted.recent
        return {
            "step": np.asarray(self.step),
            "dual": self.dual,
            "inverse_mass": self.adapted.inverse_mass,
            **self.point._asdict(),
            **{f"window.{name}": value for name, value in window._asdict().items()},
            **{f"recent.{name}": value for name, value in recent._asdict().items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "ChainState":
        """Read what `to_arrays` wrote."""
        window, recent = (
            Moments(*(arrays[f"{part}.{name}"] for name in Moments._fields)) for part in ("window", "recent")
        )
        return cls(
            int(arrays["step"]),
            Point(*(arrays[name] for name in Point._fields)),
            arrays["dual"],
            Adaptation(arrays["inverse_mass"], window, recent),
        )


class Block(NamedTuple):
    """Draws (parameter -> (draws, *shape)), statistics of every step ((steps,) each) and the state after it."""

    draws: Mapping[str, Array]
    stats: Mapping[str, NDArray[Any]]
    state: ChainState
