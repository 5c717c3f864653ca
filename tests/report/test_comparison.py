"""A comparison of two products, as a page and as a picture."""

import numpy as np
import pandas as pd
import pytest

from posterity.model.contract import Quantity
from posterity.report.comparison import comparison_page, comparison_picture
from posterity.scoring.comparing import Comparison, Side, compare_products

from .examples import EVIL
from .wellformed import read

QUANTITIES = (Quantity("delayed", "share of flights", exposure="flights"), Quantity("mean delay", "minutes"))


def found(shift: float = 0.05, rows: int = 400) -> Comparison:
    """Two products of two quantities whose first row has a name that wants to be HTML."""
    rng = np.random.default_rng(3)
    tables = []
    for moved in (0.0, shift):
        table = pd.DataFrame({"route": [EVIL, *(f"r{number}" for number in range(rows - 1))]})
        for quantity in QUANTITIES:
            mean = np.random.default_rng(1).uniform(0.1, 0.6, rows) + moved * rng.normal(size=rows)
            named = {"mean": mean, "sd": 0.05, "q05": mean - 0.1, "q95": mean + 0.1}
            table = table.assign(**{f"{quantity.name}_{name}": value for name, value in named.items()})
        tables.append(table)
    sides = [
        Side(label, {"gate": "pass", "code": label}, ("route",), QUANTITIES, table)
        for label, table in zip(("m/1", "m/2"), tables, strict=True)
    ]
    return compare_products(*sides, most=400)


def test_the_page_is_whole_and_asks_for_nothing() -> None:
    text = comparison_page(found())
    reader = read(text)
    assert EVIL not in text
    for piece in ("m/1 and m/2", EVIL[:17], "delayed", "mean delay", "400 rows are in both", "pass"):
        assert piece in reader.content
    assert text.count("<svg") == 2 * len(QUANTITIES)


def test_nothing_that_moved_is_said_so() -> None:
    reader = read(comparison_page(found(shift=0)))
    assert "No row moved." in reader.content
    assert "moved 0 of its standard deviations" in reader.content


@pytest.mark.parametrize(("form", "head"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_picture_is_a_file_that_is_the_same_every_time(form: str, head: bytes) -> None:
    drawn = comparison_picture(found(), form)
    assert drawn.startswith(head)
    assert drawn == comparison_picture(found(), form)


def test_one_row_can_be_drawn() -> None:
    read(comparison_page(found(rows=1)))
