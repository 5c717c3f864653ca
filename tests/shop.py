"""A small direct Monte Carlo model of shops' sales, with its data: quick enough to go through all stages in tests."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity import (
    Assumption,
    Contributions,
    Draws,
    Estimand,
    Horizon,
    Limit,
    Metric,
    MonteCarloModel,
    PersonalColumn,
    Quantity,
)

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

SPEC = f"{Path(__file__)}:Shop"
FIRST = date(2026, 1, 1)
CASHIER = " ".join(["Ada", "Lovelace"])  # never in one piece, since the code is stored too


class Shop(MonteCarloModel):
    """The mean daily sales of each shop in the next month."""

    name = "shop"
    keys = ("shop",)
    row_keys = ("shop", "day")
    quantities = (Quantity("sales", "items"),)
    metrics = (Metric("crps", "lower", "items", Limit(at_most=5.0)),)
    assumptions = (Assumption("steady", "Sales do not trend.", "drift_z.level <= 4", "Look at recent days."),)
    personal = (PersonalColumn("cashier", "drop"),)

    def schema(self, as_of: date) -> "pa.DataFrameSchema":
        import pandera.pandas as pa

        return pa.DataFrameSchema(
            {
                "shop": pa.Column(str),
                "day": pa.Column(str),
                "sold": pa.Column(float, pa.Check.ge(0, error="not negative")),
            }
        )

    def extract(self, source: str, as_of: date) -> "pd.DataFrame":
        raw = super().extract(source, as_of)
        return raw[raw["day"] <= as_of.isoformat()]

    def features(self, clean: "pd.DataFrame") -> "pd.DataFrame":
        shops = clean.groupby("shop", as_index=False)
        return shops.agg(mean=("sold", "mean"), sd=("sold", "std"), days=("sold", "size"))

    def targets(self, clean: "pd.DataFrame", as_of: date) -> "pd.DataFrame":
        return clean[["shop"]].drop_duplicates().sort_values("shop").reset_index(drop=True)

    def actuals(self, clean: "pd.DataFrame", period: Horizon) -> "pd.DataFrame":
        inside = clean["day"].between(period.valid_from.isoformat(), period.valid_until.isoformat())
        return clean[inside].groupby("shop", as_index=False).agg(sales=("sold", "mean"))

    def fit(self, features: "pd.DataFrame") -> Mapping[str, np.ndarray[Any, Any]]:
        error = (features["sd"] / np.sqrt(features["days"])).to_numpy()
        return {"shop": features["shop"].to_numpy(dtype="U"), "mean": features["mean"].to_numpy(), "error": error}

    def draw(self, fitted: Mapping[str, Any], rng: np.random.Generator, n: int) -> Mapping[str, Any]:
        return {"level": rng.normal(fitted["mean"], fitted["error"], (n, len(fitted["mean"])))}

    def dims(self) -> Mapping[str, tuple[str, ...]]:
        return {"level": ("shop",)}

    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Any]:
        return {"sales": draws.effect("level", targets["shop"])}

    def explain(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Contributions]:
        level = draws["level"].mean(axis=1, keepdims=True)
        shop = draws.effect("level", targets["shop"]) - level
        return {"sales": Contributions("identity", {"average shop": level + 0 * shop, "shop": shop})}

    def estimands(self, draws: Draws) -> Sequence[Estimand]:
        return [Estimand("level", list(draws.coords["shop"]), draws["level"], "items")]


def write_sales(path: Path, days: int = 120, shift_after: int = 10_000, shift: float = 0.0) -> Path:
    """A CSV of six shops over `days` days; from day `shift_after` on every shop sells `shift` more."""
    rng = np.random.default_rng(1)
    lines = ["shop,day,sold,cashier"]
    for number in range(days):
        for place, shop in enumerate("abcdef"):
            sold = max(0.0, rng.normal(20 + 3 * place + (shift if number >= shift_after else 0.0), 5))
            lines.append(f"{shop},{FIRST + timedelta(days=number)},{sold:.2f},{CASHIER}")
    path.write_text("\n".join(lines) + "\n")
    return path
