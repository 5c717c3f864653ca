"""Whole tables of keys, and where they are written."""

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from posterity.errors import SettingsError
from posterity.registry.versions import Version
from posterity.scoring.files import check_target, score_table, with_validity, write_table
from posterity.scoring.scorer import Question, load_scorer
from posterity.store import ObjectStore, open_store
from tests.server.products import published, register, sales
from tests.stalls import Stalls
from tests.store.servers import BUCKET, KEYS, make_bucket, moto


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    return open_store(f"file://{tmp_path_factory.mktemp('files')}/store")


@pytest.fixture(scope="module")
def version(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Version:
    return register(store, sales(tmp_path_factory.mktemp("sales"), "2026-02-28"), "2026-02-28", Stalls())


def test_a_table_of_known_keys_gives_the_published_rows(store: ObjectStore, version: Version) -> None:
    rows = published(store, version)
    found = score_table(load_scorer(store, version), rows[["shop"]], Question())
    pd.testing.assert_frame_equal(found, rows, check_dtype=False)


def test_new_keys_come_with_the_columns_that_were_given(store: ObjectStore, version: Version) -> None:
    keys = pd.DataFrame({"shop": ["new", "a"], "customers": [10, 20]})
    found = score_table(load_scorer(store, version), keys, Question((0.5,), {"sales": 20.0}))
    assert list(found) == ["shop", "customers", "busy_mean", "busy_sd", "busy_mcse", "busy_q50"] + [
        f"sales_{name}" for name in ("mean", "sd", "mcse", "q50", "exceeds")
    ]
    assert found["shop"].tolist() == ["new", "a"]


TABLE = pa.table({"key": ["a", "b"], "value": [0.1, 1 / 3]})


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_file_is_written_whole(tmp_path: Path, name: str) -> None:
    write_table(TABLE, str(tmp_path / name))
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    assert read(tmp_path / name)["value"].tolist() == [0.1, 1 / 3]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_may_go_to_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    with moto() as endpoint:
        make_bucket(endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        write_table(TABLE, f"s3://{BUCKET}/deep/out.parquet")
        data = open_store(f"s3://{BUCKET}").get("deep/out.parquet")
    assert pd.read_parquet(io.BytesIO(data))["key"].tolist() == ["a", "b"]


@pytest.mark.parametrize("to", ["out.xlsx", "out", "http://host/out.csv", "nowhere/out.csv"])
def test_other_places_are_refused_before_anything_is_computed(to: str) -> None:
    with pytest.raises(SettingsError):
        check_target(to)


def test_rows_say_of_which_version_they_are(store: ObjectStore, version: Version) -> None:
    found = with_validity(version, TABLE).to_pandas()
    assert list(found) == ["version", "as_of", "valid_from", "valid_until", "key", "value"]
    assert found.iloc[0].astype(str).tolist()[:4] == ["1", "2026-02-28", "2026-03-01", "2026-03-31"]
