"""A small PyMC model that takes its time: a narrow valley that runs across all axes, so that trajectories are long.

Its rows are made by itself; it needs no source.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity import Draws, Estimand, Horizon, Limit, MCMCModel, Metric, Quantity

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa
    import pymc as pm

SIZE = 40


class Valley(MCMCModel):
    """Heights at the stations of a valley."""

    name = "valley"
    default_source = "none"
    keys = ("station",)
    row_keys = ("station",)
    quantities = (Quantity("height", "m"),)
    metrics = (Metric("crps", "lower", "m", Limit(at_most=100.0)),)

    @property
    def sampler(self) -> Mapping[str, float]:
        return {"draws": 12000, "warmup": 300, "block": 300, "target_accept": 0.95}

    def schema(self, as_of: date) -> "pa.DataFrameSchema":
        import pandera.pandas as pa

        return pa.DataFrameSchema({"station": pa.Column(str), "seen": pa.Column(float)})

    def extract(self, source: str, as_of: date) -> "pd.DataFrame":
        import pandas as pd

        seen = np.random.default_rng(1).normal(size=SIZE)
        return pd.DataFrame({"station": [f"s{number:02d}" for number in range(SIZE)], "seen": seen})

    def features(self, clean: "pd.DataFrame") -> "pd.DataFrame":
        return clean

    def targets(self, clean: "pd.DataFrame", as_of: date) -> "pd.DataFrame":
        return clean[["station"]]

    def actuals(self, clean: "pd.DataFrame", period: Horizon) -> "pd.DataFrame":
        return clean.head(0)[["station"]].assign(height=clean["seen"].head(0))

    def build(self, features: "pd.DataFrame") -> "pm.Model":
        import pymc as pm

        turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(SIZE, SIZE)))
        root = turn * np.geomspace(1.0, 40.0, SIZE)  # precision = root · rootᵀ, of condition 1600
        with pm.Model(coords={"station": list(features["station"])}) as model:
            height = pm.Flat("height", dims="station", initval=np.zeros(SIZE))
            away = pm.math.dot(root.T, height - features["seen"].to_numpy())
            pm.Potential("valley", -0.5 * (away**2).sum())
        return model

    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Any]:
        return {"height": draws.effect("height", targets["station"])}

    def estimands(self, draws: Draws) -> Sequence[Estimand]:
        return [Estimand("height", list(draws.coords["station"]), draws["height"], "m")]
