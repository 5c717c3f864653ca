"""A small model with personal columns, and its data."""

from collections.abc import Mapping
from datetime import date
from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa

from posterity.model.contract import MonteCarloModel, PersonalColumn, Quantity

NAMES = ["Ada Lovelace", "Blaise Pascal", "Ada Lovelace", None]


class Shop(MonteCarloModel):
    """Sales by customer."""

    name = "shop"
    keys = ("customer",)
    row_keys = ("order",)
    quantities = (Quantity("amount", "€"),)
    personal: ClassVar[tuple[PersonalColumn, ...]] = (
        PersonalColumn("customer", "pseudonymise"),
        PersonalColumn("email", "drop"),
    )

    def schema(self, as_of: date) -> pa.DataFrameSchema:
        known = pa.Check(lambda days: days <= as_of.isoformat(), error="not after the as-of day")
        return pa.DataFrameSchema(
            {
                "order": pa.Column("int64"),
                "amount": pa.Column("float64", pa.Check.ge(0)),
                "day": pa.Column("str", known),
                "customer": pa.Column("str", nullable=True),
            },
            checks=pa.Check(lambda table: len(table) >= 3, error="at least three rows"),
        )

    def features(self, clean: pd.DataFrame) -> pd.DataFrame:
        return clean

    def targets(self, clean: pd.DataFrame, as_of: date) -> pd.DataFrame:
        return clean[["customer"]].drop_duplicates()

    def predict(self, draws: object, targets: pd.DataFrame) -> Mapping[str, np.ndarray]:
        return {}

    def fit(self, features: pd.DataFrame) -> Mapping[str, np.ndarray]:
        return {}

    def draw(self, fitted: object, rng: np.random.Generator, n: int) -> Mapping[str, np.ndarray]:
        return {}


def sales() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order": [1, 2, 3, 4],
            "amount": [10.0, 0.1 + 0.2, 3.5, 7.0],
            "day": ["2013-01-01", "2013-01-02", "2013-01-30", "2013-01-31"],
            "customer": NAMES,
            "email": ["ada@example.org", "blaise@example.org", "ada@example.org", None],
        }
    )
