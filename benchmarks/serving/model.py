"""A model as wide as a posterior of flights, for scoring: a share of events by place and kind."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity import Draws, MonteCarloModel, Quantity

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

KINDS, PLACES = 16, 300


class Delays(MonteCarloModel):
    """The share of delayed departures of each kind and place."""

    name = "bench"
    keys = ("kind", "place")
    row_keys = ("kind", "place")
    quantities = (Quantity("delayed", "share of departures", exposure="departures"),)

    def schema(self, as_of: date) -> "pa.DataFrameSchema":
        import pandera.pandas as pa

        return pa.DataFrameSchema({})

    def features(self, clean: "pd.DataFrame") -> "pd.DataFrame":
        return clean

    def targets(self, clean: "pd.DataFrame", as_of: date) -> "pd.DataFrame":
        return clean

    def fit(self, features: "pd.DataFrame") -> Mapping[str, np.ndarray[Any, Any]]:
        rng = np.random.default_rng(0)
        return {
            "kind": np.array([f"K{number:02d}" for number in range(KINDS)]),
            "place": np.array([f"P{number:03d}" for number in range(PLACES)]),
            "kind_mean": rng.normal(0, 0.3, KINDS),
            "place_mean": rng.normal(0, 0.4, PLACES),
        }

    def draw(self, fitted: Mapping[str, Any], rng: np.random.Generator, n: int) -> Mapping[str, Any]:
        return {
            "level": rng.normal(-1.2, 0.1, n),
            "kind_effect": fitted["kind_mean"] + rng.normal(0, 0.08, (n, KINDS)),
            "place_effect": fitted["place_mean"] + rng.normal(0, 0.2, (n, PLACES)),
        }

    def dims(self) -> Mapping[str, tuple[str, ...]]:
        return {"kind_effect": ("kind",), "place_effect": ("place",)}

    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Any]:
        eta = draws["level"][:, None] + draws.effect("kind_effect", targets["kind"])
        eta = eta + draws.effect("place_effect", targets["place"])
        return {"delayed": 1 / (1 + np.exp(-eta))}
