"""The tables of the models are those of the monolith, to the bit."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from models.flights.model import Flights
from tests.models.conftest import MARCH

OUTPUTS = Path(__file__).parents[2] / "legacy" / "outputs"
FROZEN = OUTPUTS / MARCH.isoformat()


def table_digest(table: pd.DataFrame) -> str:
    """As in legacy/freeze.py, which cannot be imported without sampling libraries."""
    head = json.dumps([[name, str(kind)] for name, kind in table.dtypes.items()]).encode()
    return hashlib.sha256(head + pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes()).hexdigest()


def test_the_frozen_outputs_are_untouched() -> None:
    lines = (OUTPUTS / "SHA256SUMS").read_text().splitlines()
    digests = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {
        str(path.relative_to(OUTPUTS)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in OUTPUTS.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert files == digests


@pytest.mark.parametrize("stage", ["raw", "clean", "features"])
def test_tables_equal_those_of_the_monolith(stage: str, request: pytest.FixtureRequest) -> None:
    table: pd.DataFrame = request.getfixturevalue(stage)
    frozen = json.loads((FROZEN / "tables.json").read_text())[stage]
    assert list(table) == frozen["columns"]
    assert len(table) == frozen["rows"]
    assert table_digest(table) == frozen["sha256"]


def test_features_equal_those_of_the_monolith_row_by_row(features: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(features, pd.read_parquet(FROZEN / "features.parquet"))


def test_the_monolith_predicts_for_the_same_flights(clean: pd.DataFrame) -> None:
    keys = ["carrier", "origin", "dest", "flights"]
    predicted = pd.read_csv(FROZEN / "predictions.csv")[keys].astype({"flights": "int64"})
    pd.testing.assert_frame_equal(Flights().targets(clean, MARCH)[keys], predicted)
