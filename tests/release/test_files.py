"""A version as one file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from posterity.errors import SettingsError
from posterity.registry.versions import Version
from posterity.release.files import export
from posterity.store import ObjectStore, open_store
from tests.server.products import published, register, sales


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    return open_store(f"file://{tmp_path_factory.mktemp('export')}/store")


@pytest.fixture(scope="module")
def version(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Version:
    return register(store, sales(tmp_path_factory.mktemp("sales"), "2026-02-28"), "2026-02-28")


def read(path: Path, kind: str) -> pd.DataFrame:
    if kind == "sqlite":
        with closing(sqlite3.connect(path)) as connection:
            return pd.read_sql_query("select * from shop_current", connection)
    return pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)


@pytest.mark.parametrize("kind", ["csv", "parquet", "sqlite"])
def test_a_file_holds_every_row_with_its_validity(
    store: ObjectStore, version: Version, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"out.{kind}"
    for _ in range(2):  # a repetition writes the same file again
        assert export(store, version, kind, path) == 6
        found = read(path, kind)
        assert found["valid_until"].astype(str).tolist() == ["2026-03-31"] * 6
        assert found["version"].tolist() == [1] * 6
        rows = published(store, version)
        pd.testing.assert_frame_equal(found[list(rows)], rows, check_dtype=False)
        assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_other_kinds_and_folders_are_refused(store: ObjectStore, version: Version, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--to xlsx is none of csv, parquet, sqlite"):
        export(store, version, "xlsx", tmp_path / "out.xlsx")
    with pytest.raises(SettingsError, match="does not exist"):
        export(store, version, "csv", tmp_path / "nowhere" / "out.csv")
    assert list(tmp_path.iterdir()) == []
