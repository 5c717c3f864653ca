import csv
import io
from datetime import date
from itertools import chain

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterity.server.rows import Rows, key_text, to_csv, to_parquet


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer)
    return buffer.getvalue()


FRAME = pd.DataFrame(
    {
        "carrier": ["EV", "EV", "UA", "ü,/ %", "UA"],
        "day": [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 3)],
        "block": [1, 2, 1, -3, 2],
        "mean": [0.1, 1 / 3, np.nan, 1e-300, 12345678.9],
    }
)
KEYS = ("carrier", "day", "block")


@pytest.fixture(scope="module")
def rows() -> Rows:
    return Rows(parquet(FRAME), KEYS)


def test_every_row_is_found_by_its_key_and_is_the_registered_one(rows: Rows) -> None:
    for place, row in enumerate(FRAME.to_dict("records")):
        found = rows.find([key_text(row[name]) for name in KEYS])
        assert found == place
        said = orjson.loads(rows.row(place))
        assert list(said) == list(FRAME.columns)
        assert said["mean"] == (None if np.isnan(row["mean"]) else row["mean"])


@pytest.mark.parametrize(
    "key",
    [
        ["EV", "2026-01-01", "2"],  # its parts are there, together they are not
        ["XX", "2026-01-01", "1"],
        ["EV", "2026-01-01", "01"],
        ["", "", ""],
    ],
)
def test_no_row_is_found_by_another_key(rows: Rows, key: list[str]) -> None:
    assert rows.find(key) is None


def test_pages_are_slices_of_all_rows_or_of_some(rows: Rows) -> None:
    everything = orjson.loads(b"[" + rows.page(None, 0, 99) + b"]")
    pages = [orjson.loads(b"[" + rows.page(None, start, start + 2) + b"]") for start in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(chain(*pages)) == everything
    assert rows.page(None, 5, 9) == b""
    chosen = rows.select({"carrier": ["EV", "UA"], "block": ["2"]})
    assert chosen.tolist() == [1, 4]
    assert orjson.loads(b"[" + rows.page(chosen, 1, 9) + b"]") == everything[4:]
    pd.testing.assert_frame_equal(
        rows.table(chosen, 0, 9).to_pandas(), FRAME.iloc[[1, 4]].reset_index(drop=True), check_dtype=False
    )


def test_tables_keep_every_digit(rows: Rows) -> None:
    table = rows.table(None, 1, 5)
    again = list(csv.DictReader(to_csv(table).decode().splitlines()))
    assert [row["mean"] and float(row["mean"]) for row in again] == [1 / 3, "", 1e-300, 12345678.9]
    assert [row["carrier"] for row in again] == FRAME["carrier"].tolist()[1:]
    assert pq.read_table(io.BytesIO(to_parquet(table))).equals(table)


def test_a_key_is_written_so_that_it_can_be_split_again(rows: Rows) -> None:
    assert rows.key(0) == "EV,2026-01-01,1"
    assert rows.key(3) == "%C3%BC%2C%2F%20%25,2026-01-01,-3"


def test_keys_that_no_machine_word_can_number_are_found_too() -> None:
    size = 400
    frame = pd.DataFrame({f"k{i}": [f"{(row * (i + 7)) % size}" for row in range(size)] for i in range(8)})
    found = Rows(parquet(frame), tuple(frame.columns))
    assert all(found.find(list(row)) == place for place, row in enumerate(frame.itertuples(index=False)))
    assert found.find(["1"] * 8) is None


@given(
    st.lists(st.tuples(st.text(max_size=3), st.integers(-3, 3), st.booleans()), min_size=1, max_size=30, unique=True)
)
def test_any_table_is_indexed_rightly(keys: list[tuple[str, int, bool]]) -> None:
    frame = pd.DataFrame(keys, columns=["a", "b", "c"]).astype({"a": "str"})
    found = Rows(parquet(frame), ("a", "b", "c"))
    for place, key in enumerate(keys):
        assert found.find([key_text(value) for value in key]) == place
    _, number, flag = keys[0]
    chosen = found.select({"b": [key_text(number)], "c": [key_text(flag)]})
    assert chosen.tolist() == [place for place, key in enumerate(keys) if key[1:] == (number, flag)]
    assert found.nbytes > len(found.json)
