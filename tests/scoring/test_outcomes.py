"""Outcomes that servers were told fill the gaps of the data."""

import pandas as pd

from posterity.reported import Reported
from posterity.scoring.outcomes import in_words, with_reported
from tests.shop import Shop
from tests.stalls import Stalls

TOLD = [{"shop": "a", "sales": 9.0}, {"shop": "c", "sales": 7.0}]


def test_the_data_are_the_record() -> None:
    actuals = pd.DataFrame({"shop": ["a", "b"], "sales": [20.0, 22.0]})
    found, used = with_reported(Shop(), actuals, TOLD)
    assert used == 1
    assert found.to_dict("records") == [
        {"shop": "a", "sales": 20.0},
        {"shop": "b", "sales": 22.0},
        {"shop": "c", "sales": 7.0},
    ]


def test_without_outcomes_in_the_data_all_that_was_reported_counts() -> None:
    nothing = pd.DataFrame({"shop": [], "sales": []})
    found, used = with_reported(Shop(), nothing, TOLD)
    assert (used, found.to_dict("records")) == (2, TOLD)
    told = [{"shop": "a", "busy": 0.5, "customers": 4.0, "sales": 1.0}]
    assert list(with_reported(Stalls(), nothing, told)[0]) == ["shop", "busy", "sales", "customers"]


def test_nothing_reported_changes_nothing() -> None:
    actuals = pd.DataFrame({"shop": ["a"], "sales": [20.0]})
    found, used = with_reported(Shop(), actuals, [])
    assert found is actuals
    assert used == 0


def test_the_report_says_what_was_said() -> None:
    said = Reported(TOLD, {"too low": 2, "plausible": 5}, [f"a: number {number}" for number in range(9)])
    notes = in_words("shop/1", said, 1)
    assert (
        notes[0]
        == "2 outcomes were reported to servers, and 1 of them are scored; for the other 1 the data are the record."
    )
    assert notes[1] == "People said of predictions of shop/1: plausible 5, too low 2."
    assert notes[2:] == [f"A comment on shop/1, a: number {number}" for number in range(4, 9)]
    assert in_words("shop/1", Reported(), 0) == []
