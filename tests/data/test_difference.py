import json

import pandas as pd
import pytest

from posterity.data.difference import diff

from .shop import sales


def test_the_same_table() -> None:
    found = diff(sales(), sales().iloc[::-1], ["order"])
    assert (found.rows, found.added, found.removed, found.changed) == ((4, 4), 0, 0, 0)
    assert {change.moved for change in found.columns.values()} == {0.0}


def test_rows_by_key() -> None:
    now = sales().assign(order=[1, 2, 3, 5], amount=[10.0, 99, 3.5, 7.0])
    found = diff(sales(), now, ["order"])
    assert (found.added, found.removed, found.changed) == (1, 1, 1)


def test_columns() -> None:
    now = sales().drop(columns="email").assign(till=1, amount=["1", "2", "3", "4"])
    found = diff(sales(), now, ["order", "day"])
    assert (found.new_columns, found.lost_columns) == (("till",), ("email",))
    assert found.retyped == {"amount": ("float64", "str")}
    assert found.changed == 4
    assert found.columns["amount"].moved == 1
    assert json.loads(json.dumps(found.to_dict()))["rows"] == [4, 4]


@pytest.mark.parametrize("keys", [(), ("till",), ("customer",)])
def test_without_a_unique_key_rows_are_not_matched(keys: tuple[str, ...]) -> None:
    found = diff(sales(), sales().assign(other=1), keys)
    assert (found.added, found.removed, found.changed) == (None, None, None)


def test_keys_alone() -> None:
    before, now = pd.DataFrame({"k": [1, 2]}), pd.DataFrame({"k": [2, 3, 4]})
    found = diff(before, now, ["k"])
    assert (found.added, found.removed, found.changed) == (2, 1, 0)
