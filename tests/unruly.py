"""Two PyMC models that no sampler converges on with a few hundred draws: the gate has to stop them."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity import Draws, MCMCModel, Quantity

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa
    import pymc as pm

HERE = Path(__file__)


class _OneRow(MCMCModel):
    """What both have in common: a table that says nothing, one published number."""

    keys = ("key",)
    row_keys = ("key",)
    quantities = (Quantity("x", "1"),)

    def schema(self, as_of: date) -> "pa.DataFrameSchema":
        import pandera.pandas as pa

        return pa.DataFrameSchema({"key": pa.Column(str)})

    def features(self, clean: "pd.DataFrame") -> "pd.DataFrame":
        return clean

    def targets(self, clean: "pd.DataFrame", as_of: date) -> "pd.DataFrame":
        return clean

    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Any]:
        return {"x": draws["x"].reshape(len(draws), 1)}


class TwoModes(_OneRow):
    """An equal mixture of two normals, sixty standard deviations apart."""

    name = "two-modes"

    def build(self, features: "pd.DataFrame") -> "pm.Model":
        import pymc as pm

        with pm.Model() as model:
            x = pm.Flat("x", initval=0.0)
            pm.Potential("modes", pm.math.logaddexp(-0.5 * (x - 30) ** 2, -0.5 * (x + 30) ** 2))
        return model


class Funnel(_OneRow):
    """Neal's funnel (2003) in its own coordinates, ten dimensions wide."""

    name = "funnel"

    def build(self, features: "pd.DataFrame") -> "pm.Model":
        import pymc as pm

        with pm.Model() as model:
            x = pm.Normal("x", 0, 3)
            pm.Normal("neck", 0, pm.math.exp(x / 2), shape=9)
        return model
