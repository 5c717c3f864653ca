import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterity.data.distribution import BINS, OTHERS, TOP, describe, distance

columns = st.one_of(
    st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12))).map(lambda x: pd.Series(x, dtype=float)),
    st.lists(st.integers(-(10**6), 10**6)).map(lambda x: pd.Series(x, dtype="int64")),
    st.lists(st.one_of(st.none(), st.text("abcdefgh", max_size=3))).map(lambda x: pd.Series(x, dtype="str")),
    st.lists(st.booleans()).map(lambda x: pd.Series(x, dtype=bool)),
    st.lists(st.one_of(st.none(), st.datetimes(min_value=pd.Timestamp("1800").to_pydatetime()))).map(
        lambda x: pd.Series(pd.to_datetime(x), dtype="datetime64[us]")
    ),
)


@settings(max_examples=150)
@given(columns)
def test_every_value_is_counted_once(column: pd.Series) -> None:
    found = describe(column)
    assert sum(found.counts) + found.missing == len(column)
    assert len(found.labels) == len(found.counts) <= BINS + 1
    assert found.distinct == column.nunique()
    assert (found.places(column) >= 0).sum() == column.notna().sum()


@settings(max_examples=100)
@given(columns, columns)
def test_bins_fit_both_tables(now: pd.Series, before: pd.Series) -> None:
    found = describe(now, before)
    assert sum(found.counts) + found.missing == len(now)
    assert sum(found.count(before)) <= len(before)


def test_a_few_numbers_get_a_bin_each() -> None:
    found = describe(pd.Series([1, 1, 12, 3]))
    assert (found.labels, found.counts) == (("1", "3", "12"), (2, 1, 1))


def test_whole_numbers_fall_evenly_into_bins() -> None:
    found = describe(pd.Series(np.tile(np.arange(40), 3)))
    assert set(found.counts) == {6}


def test_far_values_do_not_squeeze_the_rest() -> None:
    found = describe(pd.Series([*np.linspace(0, 1, 1000), 1e9, np.inf]))
    assert max(found.counts) < 100
    assert sum(found.counts) == 1002
    assert found.high == 1e9


def test_moments_are_those_of_the_finite_values() -> None:
    found = describe(pd.Series([1.0, 3.0, np.nan, np.inf]))
    assert (found.mean, found.sd, found.low, found.median, found.high) == (2, 1, 1, 2, 3)
    assert (found.missing, found.distinct) == (1, 3)


def test_rare_categories_are_counted_together() -> None:
    names = [f"c{i:02d}" for i in range(TOP + 5)]
    found = describe(pd.Series(names * 2 + names[:TOP]))
    assert found.labels == (*names[:TOP], OTHERS)
    assert found.counts[-1] == 10
    assert found.levels == tuple(names)


@pytest.mark.parametrize("column", [pd.Series([], dtype=float), pd.Series([np.nan]), pd.Series([None], dtype="str")])
def test_nothing_to_count(column: pd.Series) -> None:
    found = describe(column)
    assert sum(found.counts) == 0
    assert found.missing == len(column)
    assert found.mean is None


def test_distance() -> None:
    assert distance((1, 1), (5, 5)) == 0
    assert distance((3, 0), (0, 7)) == 1
    assert distance((1, 1), (3, 1)) == 0.25
    assert distance((0, 0), (3, 1)) == 0
