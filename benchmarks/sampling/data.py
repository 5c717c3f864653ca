"""The flights model's features and targets, made once so that all contenders sample the same posterior."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.flights.model import Flights
from posterity.model.draws import Draws

AS_OF = date(2013, 3, 31)


def write_tables(folder: Path) -> None:
    """features.parquet and targets.parquet."""
    model = Flights()
    clean = model.preprocess(model.extract(model.default_source, AS_OF))
    model.features(clean).to_parquet(folder / "features.parquet")
    model.targets(clean, AS_OF).to_parquet(folder / "targets.parquet")


@dataclass(frozen=True)
class Chains:
    """What a contender has drawn: parameter -> (chains, draws, *shape), with diverging and energy (chains, draws)."""

    values: dict[str, NDArray[np.float64]]
    dims: dict[str, tuple[str, ...]]
    coords: dict[str, list[str]]
    diverging: NDArray[np.bool_]
    energy: NDArray[np.float64]

    @property
    def flat(self) -> Draws:
        """All chains one after the other."""
        values = {name: value.reshape(-1, *value.shape[2:]) for name, value in self.values.items()}
        return Draws(values, self.dims, self.coords, seed=1)


def features(folder: Path) -> pd.DataFrame:
    """What `write_tables` wrote."""
    return pd.read_parquet(folder / "features.parquet")


def published(folder: Path, chains: Chains) -> dict[str, NDArray[np.float64]]:
    """Group -> (chains, draws, n): next month's share of every route, and the time-invariant estimands."""
    model, draws, shape = Flights(), chains.flat, chains.diverging.shape
    found = dict(model.predict(draws, pd.read_parquet(folder / "targets.parquet")))
    found |= {estimand.group: np.asarray(estimand.values) for estimand in model.estimands(draws)}
    return {name: np.asarray(value, dtype=float).reshape(*shape, -1) for name, value in found.items()}
