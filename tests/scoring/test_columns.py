from typing import Any

import numpy as np
import pandas as pd
import pytest

from posterity.errors import SettingsError
from posterity.scoring.columns import check_column

TYPES = pd.DataFrame(
    {
        "text": ["a"],
        "whole": [1],
        "small": np.array([1], dtype=np.int8),
        "real": [0.5],
        "flag": [True],
        "time": pd.to_datetime(["2026-01-01"]),
    }
).dtypes


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("text", ["a", ""]),
        ("whole", [1, -2]),
        ("whole", [1.0, 3.0]),
        ("small", [1, 2]),
        ("real", [1, 2.5]),
        ("flag", [True, False]),
        ("time", ["2026-03-31", "2026-03-31T12:00:00"]),
    ],
)
def test_values_of_the_type_are_taken(column: str, values: list[Any]) -> None:
    found = check_column(column, values, TYPES[column])
    assert pd.Series(found, dtype=TYPES[column]).dtype == TYPES[column]
    assert len(found) == len(values)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("text", ["a", 3], "column text holds 3 in row 1, but takes text"),
        ("text", [None], "column text holds None in row 0"),
        ("whole", [1, 1.5], "column whole holds 1.5 in row 1, but takes whole numbers"),
        ("whole", [1, "2"], "column whole holds '2' in row 1"),
        ("whole", [1, True], "column whole holds True in row 1"),
        ("whole", [float("inf")], "column whole holds inf in row 0"),
        ("real", [1.0, float("nan")], "column real holds nan in row 1, but takes numbers"),
        ("real", [1.0, None], "column real holds None in row 1"),
        ("real", [[1.0], [2.0]], r"column real holds \[1.0\] in row 0"),
        ("real", [[1.0], 2.0], r"column real holds \[1.0\] in row 0"),
        ("flag", [True, 1], "column flag holds 1 in row 1, but takes true or false"),
        ("time", ["yesterday"], "column time holds what is no time"),
    ],
)
def test_the_first_value_that_is_none_is_named(column: str, values: list[Any], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        check_column(column, values, TYPES[column])


@pytest.mark.parametrize("value", [300, -129, 2**70])
def test_a_number_too_large_for_its_type_is_refused(value: int) -> None:
    with pytest.raises(SettingsError, match=f"column small holds {value} in row 1"):
        check_column("small", [1, value], TYPES["small"])
