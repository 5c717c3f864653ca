import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterity.parity.tables import align, compare_tables, find_keys
from tests.parity.runs import tables

frames = st.integers(0, 2**32 - 1).map(lambda seed: tables(seed, 40)["clean"])


@settings(max_examples=25)
@given(frames, st.randoms(use_true_random=False), st.booleans())
def test_rows_in_another_order_are_equal(frame, random, keyed):
    order = list(range(len(frame)))
    random.shuffle(order)
    found = compare_tables("clean", frame.iloc[order], frame, ("flight",) if keyed else ())
    assert found.verdict == "equal"
    assert found.compared == frame.size


@settings(max_examples=60)
@given(frames, st.integers(0, 39), st.sampled_from(["carrier", "when", "delay", "late", "block"]), st.integers(0, 51))
def test_a_single_changed_value_is_found_and_located(frame, row, column, bit):
    changed = frame.copy()
    if column == "delay":
        bits = changed["delay"].to_numpy(copy=True).view(np.int64)
        if np.isnan(changed["delay"].iloc[row]):
            bits[row] = np.float64(1.0).view(np.int64)
        bits[row] ^= 1 << bit
        changed["delay"] = bits.view(np.float64)
    elif column == "late":
        changed.loc[row, "late"] = not changed["late"].iloc[row]
    elif column == "when":
        changed.loc[row, "when"] += pd.Timedelta(1, "us")
    else:
        others = [value for value in frame[column].unique() if value != frame[column].iloc[row]]
        changed.loc[row, column] = others[0]
    found = compare_tables("clean", changed, frame, ("flight",))
    assert found.verdict == "differs"
    assert [(finding.where, finding.rows, finding.first) for finding in found.findings] == [
        (column, 1, f"flight={row}")
    ]


def test_differences_without_keys_are_located_by_the_first_columns_that_identify_a_row():
    frame = tables()["features"]
    changed = frame.copy()
    changed.loc[1, "flights"] += 1
    assert find_keys(frame, changed) == ["carrier"]
    finding = compare_tables("features", changed, frame).findings[0]
    assert (finding.where, finding.first) == ("flights", f"carrier={frame['carrier'].iloc[1]}")


def test_the_last_bit_and_the_sign_of_zero_count_but_not_the_bits_of_nan():
    left = pd.DataFrame({"key": [1, 2, 3], "x": [0.0, 1.0, np.nan]})
    other_nan = np.array([0x7FF8000000000001], dtype=np.int64).view(np.float64)[0]
    right = pd.DataFrame({"key": [1, 2, 3], "x": [-0.0, np.nextafter(1.0, 2), other_nan]})
    assert compare_tables("clean", left, right, ("key",)).findings[0].rows == 2


def test_missing_and_present_differ():
    left = pd.DataFrame({"key": [1, 2], "x": ["a", None]})
    right = pd.DataFrame({"key": [1, 2], "x": ["a", "b"]})
    finding = compare_tables("clean", left, right, ("key",)).findings[0]
    assert (finding.where, finding.first, finding.pipeline) == ("x", "key=2", "b")


def test_rows_of_one_side_alone_are_counted_and_named():
    frame = tables()["raw"]
    found = compare_tables("raw", frame.drop(index=[3, 4]), frame.drop(index=9), ("flight",))
    assert [(finding.what, finding.rows, finding.first) for finding in found.findings] == [
        ("only the legacy run has them", 1, "flight=9"),
        ("only the pipeline has them", 2, "flight=3; flight=4"),
    ]
    assert found.compared == (len(frame) - 3) * 4


def test_a_row_that_is_there_twice_is_found():
    frame = tables()["raw"]
    found = compare_tables("raw", pd.concat([frame, frame.iloc[[7]]]), frame, ("flight",))
    assert [(finding.what, finding.rows) for finding in found.findings] == [("only the legacy run has them", 1)]


def test_rows_of_the_same_key_are_matched_one_by_one():
    left = pd.DataFrame({"key": [1, 1, 1, 2], "x": [3.0, 1.0, 2.0, np.nan]})
    right = pd.DataFrame({"key": [2, 1, 1, 1], "x": [np.nan, 2.0, 3.0, 1.0]})
    assert compare_tables("clean", left, right, ("key",)).verdict == "equal"


def test_rows_are_matched_across_dtypes():
    left = pd.DataFrame({"key": pd.Categorical(["a", "b"]), "x": [1, 2]})
    right = pd.DataFrame({"key": ["b", "a"], "x": [2.0, 1.0]})
    rows_left, rows_right, alone_left, alone_right = align(left, right, ["key"])
    assert (left["x"].to_numpy()[rows_left] == right["x"].to_numpy()[rows_right]).all()
    assert not len(alone_left)
    assert not len(alone_right)


@pytest.mark.parametrize("declared", [False, True])
def test_another_dtype_is_a_finding_unless_declared(declared):
    frame = tables()["raw"]
    left = frame.astype({"flight": "float64", "carrier": "category"})
    found = compare_tables("raw", left, frame, ("flight",), dtypes=("flight", "carrier") if declared else ())
    assert found.verdict == ("equal" if declared else "differs")
    names = [finding.where for finding in found.findings]
    assert names == ([] if declared else ["flight", "carrier"])
    assert [note for note in found.notes if "declared" in note] == (
        [
            "flight is float64 in the legacy run and int64 in the pipeline, as declared",
            "carrier is category in the legacy run and str in the pipeline, as declared",
        ]
        if declared
        else []
    )


def test_a_column_of_one_side_alone_is_a_finding_unless_ignored():
    frame = tables()["raw"]
    assert compare_tables("raw", frame.assign(extra=1), frame, ("flight",)).findings[0].where == "extra"
    found = compare_tables(
        "raw", frame.assign(extra=1), frame.drop(columns="delay"), ("flight",), ignore=("extra", "delay")
    )
    assert found.verdict == "equal"
    assert found.left_out == (("extra", "the map says to ignore it"), ("delay", "the map says to ignore it"))


def test_tables_without_a_common_column_differ():
    found = compare_tables("raw", pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}))
    assert [finding.where for finding in found.findings] == ["a", "b"]
