import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterity.data.tables import column_types, from_parquet, load_table, store_table, to_parquet
from posterity.errors import CorruptError, ModelError
from posterity.store.directory import DirectoryStore


def every_dtype() -> pd.DataFrame:
    days = pd.to_datetime(["2013-01-31", None, "2013-02-28"])
    return pd.DataFrame(
        {
            "text": ["ä", None, ""],
            "float": [0.1 + 0.2, -0.0, np.nan],
            "float32": np.array([1 / 3, np.inf, np.nan], dtype=np.float32),
            "whole": np.array([2**62, -1, 0]),
            "small": np.array([1, 2, 3], dtype=np.int8),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "time": days,
            "zoned": days.tz_localize("America/New_York"),
            "category": pd.Categorical(["b", None, "a"], categories=["b", "a", "never"], ordered=True),
            "date": [dt.date(2013, 1, 31), None, dt.date(2013, 2, 28)],
        }
    )


def test_every_dtype_round_trips() -> None:
    frame = every_dtype()
    back = from_parquet(to_parquet(frame))
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert np.signbit(back["float"][1])
    assert column_types(back) == column_types(frame)
    assert back["text"].dtype == "str"


floats = st.floats(width=64, allow_nan=True, allow_infinity=True)


@settings(max_examples=60)
@given(st.lists(st.tuples(floats, st.text(max_size=8), st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_values_round_trip_to_the_bit(rows: list[tuple[float, str, int]]) -> None:
    try:
        "".join(text for _, text, _ in rows).encode()
    except UnicodeEncodeError:
        return  # lone surrogates are no text
    frame = pd.DataFrame({"x": [row[0] for row in rows], "s": [row[1] for row in rows], "i": [row[2] for row in rows]})
    back = from_parquet(to_parquet(frame))
    assert back["x"].to_numpy().tobytes() == frame["x"].to_numpy().tobytes() or frame["x"].isna().any()
    pd.testing.assert_frame_equal(back, frame, check_exact=True)


def test_bytes_depend_on_the_content_alone() -> None:
    whole = pd.DataFrame({"s": ["a", "b", None] * 2000, "x": np.arange(6000) / 7})
    pieces = pd.concat([whole.iloc[:100], whole.iloc[100:]])
    shuffled = whole.sample(frac=1, random_state=1).sort_index()
    assert to_parquet(pieces) == to_parquet(whole) == to_parquet(shuffled)
    assert to_parquet(whole.set_index(whole.index + 5)) == to_parquet(whole), "the index is no content"
    assert to_parquet(whole.astype({"s": object})) == to_parquet(whole), "text is text, however pandas keeps it"
    assert to_parquet(from_parquet(to_parquet(whole))) == to_parquet(whole)
    assert to_parquet(whole.iloc[::-1]) != to_parquet(whole)


def test_bytes_name_no_version_of_pandas() -> None:
    import io

    notes = json.loads(pq.read_schema(io.BytesIO(to_parquet(every_dtype()))).metadata[b"pandas"])
    assert notes["pandas_version"] == ""
    assert notes["creator"] == {}


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (pd.DataFrame({"ok": [1, 2], "delay": [1, "late"]}), "delay"),
        (pd.DataFrame([[1, 2]], columns=["twice", "twice"]), "twice"),
    ],
)
def test_a_table_that_cannot_be_stored_is_named(frame: pd.DataFrame, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        to_parquet(frame)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_cut_bytes_are_corrupt(share: float) -> None:
    data = to_parquet(every_dtype())
    with pytest.raises(CorruptError, match="no whole Parquet file"):
        from_parquet(data[: int(share * len(data))])


def test_a_stored_table_is_addressed_by_its_content(tmp_path) -> None:
    store = DirectoryStore(tmp_path)
    frame = every_dtype()
    reference = store_table(store, frame, "clean", source="x")
    assert store_table(store, frame, "clean", source="x") == reference
    assert reference.meta == {"rows": 3, "columns": column_types(frame), "source": "x"}
    assert list(store.list("clean/")) == [f"clean/{reference.sha256}/table.parquet"]
    pd.testing.assert_frame_equal(load_table(store, reference), frame)


def test_a_table_changed_in_the_store_is_refused(tmp_path) -> None:
    store = DirectoryStore(tmp_path)
    reference = store_table(store, pd.DataFrame({"x": [1, 2]}), "clean")
    store.overwrite(reference.key, to_parquet(pd.DataFrame({"x": [1, 3]})))
    with pytest.raises(CorruptError, match=reference.key):
        load_table(store, reference)
