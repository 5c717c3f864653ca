"""Two products held against each other, on rows whose changes are known."""

import json

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from posterity.errors import SettingsError
from posterity.model.contract import Quantity
from posterity.scoring.comparing import Comparison, Side, compare_products, in_sds

SALES = Quantity("sales", "items")


def side(
    label: str, means: list[float], sd: float = 2.0, shops: str = "abcdef", quantity: Quantity = SALES, **facts: str
) -> Side:
    mean = np.array(means)
    name = quantity.name
    columns = {f"{name}_mean": mean, f"{name}_sd": sd, f"{name}_q05": mean - 2 * sd, f"{name}_q95": mean + 2 * sd}
    return Side(label, facts, ("shop",), (quantity,), pd.DataFrame({"shop": list(shops)[: len(means)], **columns}))


def compared(before: list[float], now: list[float], **more: float) -> Comparison:
    return compare_products(side("m/1", before), side("m/2", now, **more))


def test_what_moved_is_told_in_standard_deviations_of_the_first() -> None:
    found = compared([10, 20, 30, 40], [10, 21, 20, 44], sd=4.0)
    (change,) = found.quantities
    assert (change.before, change.now) == (25, 23.75)
    assert (change.change, change.sds, change.most_sds) == (2.5, 1.25, 5)
    assert change.width == 2
    assert change.apart == 0
    assert [(row.key, row.sds) for row in found.moved] == [("c", -5), ("d", 2), ("b", 0.5)], "a did not move"
    assert (found.moved[0].before_interval, found.moved[0].now_interval) == ((26, 34), (12, 28))


def test_intervals_that_have_nothing_in_common_are_counted() -> None:
    (change,) = compared([10, 20, 30, 40], [10, 28.1, 21.9, 47.9]).quantities
    assert change.apart == 0.5


def test_rows_that_only_one_has_are_counted_and_not_compared() -> None:
    found = compare_products(side("m/1", [1, 2, 3]), side("m/2", [2, 3, 4, 5], shops="bcde"))
    assert found.rows == (2, 1, 2)
    assert found.quantities[0].sds == 0


def test_rows_without_a_prediction_and_rows_that_were_sure_do_no_harm() -> None:
    found = compare_products(side("m/1", [1, np.nan, 3], sd=0.0), side("m/2", [1, 2, 4], sd=0.0))
    assert [row.key for row in found.moved] == ["c"]
    assert found.quantities[0].width == 1
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (said["moved"][0]["sds"], said["moved"][0]["now"]) == (None, 4)
    assert said["rows"] == {"both": 3, "before_only": 0, "now_only": 0}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.floats(0.1, 10))
def test_a_product_does_not_differ_from_itself(means: list[float], sd: float) -> None:
    found = compare_products(side("m/1", means, sd), side("m/1", means, sd))
    (change,) = found.quantities
    assert (change.change, change.sds, change.most_sds, change.apart, found.moved) == (0, 0, 0, 0, ())
    assert change.width == pytest.approx(1)
    assert not in_sds(found.table, SALES).any()


def test_what_is_known_of_each_stands_side_by_side() -> None:
    found = compare_products(side("m/1", [1], gate="pass", crps="0.3"), side("m/2", [1], gate="pass", drift="warn"))
    assert found.facts == (("gate", "pass", "pass"), ("crps", "0.3", "none"), ("drift", "none", "warn"))


def test_products_that_have_nothing_in_common_are_refused() -> None:
    with pytest.raises(SettingsError, match="m/1 and m/2 have no row in common"):
        compare_products(side("m/1", [1], shops="a"), side("m/2", [1], shops="b"))
    with pytest.raises(SettingsError, match="m/1 and m/2 have no quantity in common"):
        compare_products(side("m/1", [1]), side("m/2", [1], quantity=Quantity("visits", "people")))
    other = side("m/2", [1])
    other = Side("m/2", {}, ("town",), other.quantities, other.predictions.rename(columns={"shop": "town"}))
    with pytest.raises(SettingsError, match="m/1 has rows by shop and m/2 by town"):
        compare_products(side("m/1", [1]), other)
