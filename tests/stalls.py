"""Market stalls: a share of events and a number, a column that `predict` reads, new stalls from the population."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity import Draws, Quantity
from tests.shop import Shop

if TYPE_CHECKING:
    import pandas as pd


class Stalls(Shop):
    """The sales of each stall, and the share of customers who come when it is busy."""

    name = "stalls"
    quantities = (Quantity("busy", "share of customers", exposure="customers"), Quantity("sales", "items"))
    unseen = {"shop": "population"}  # noqa: RUF012

    def targets(self, clean: "pd.DataFrame", as_of: date) -> "pd.DataFrame":
        shops = super().targets(clean, as_of)
        return shops.assign(customers=[40 + 10 * place for place in range(len(shops))])

    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Any]:
        level = draws["level"]
        population = level.mean(axis=1, keepdims=True) + level.std(axis=1, keepdims=True) * draws.noise(
            targets["shop"], "a new stall"
        )
        sales = draws.effect("level", targets["shop"], population)
        return {"busy": 1 / (1 + np.exp(-(sales - 25) / 5)), "sales": sales}


class NeedsPyMC(Shop):
    """It cannot predict where there is no PyMC."""

    name = "needs-pymc"

    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Any]:
        import pymc  # noqa: F401

        return {"sales": draws.effect("level", targets["shop"])}
