import json
from collections.abc import Mapping

import pytest

from posterity.model.contract import Assumption, Limit, Metric, MonteCarloModel, PersonalColumn, Quantity
from posterity.registry.card import LARGEST, describe, is_copied, model_card
from posterity.registry.parts import Part, parts
from posterity.store import Reference
from posterity.store.directory import DirectoryStore
from tests.registry.examples import a_version


class Sales(MonteCarloModel):
    """Sales per shop.

    Independent between shops.
    """

    name = "sales"
    keys = ("shop",)
    row_keys = ("shop", "day")
    quantities = (Quantity("sold", "pieces", "a|b"),)
    metrics = (Metric("crps", "lower", "pieces", Limit(at_most=3)),)
    assumptions = (Assumption("calm", "No strike\nhappens.", "coverage_90 >= 0.8", "the calendar"),)
    personal = (PersonalColumn("customer", "drop"),)
    unseen: Mapping[str, str] = {"shop": "population"}

    def schema(self, as_of):
        raise NotImplementedError

    features = targets = predict = fit = draw = schema


@pytest.fixture
def card(tmp_path):
    store = DirectoryStore(tmp_path)
    version = a_version(store, model="sales", about=describe(Sales()), number=4)
    return model_card(version, parts(store, version))


def test_a_model_describes_itself_in_json():
    said = describe(Sales())
    assert said == json.loads(json.dumps(said))
    assert said["description"] == "Sales per shop.\n\nIndependent between shops."
    assert said["metrics"][0]["limit"] == {"at_most": 3, "at_least": None}
    assert said["personal"] == {"customer": "drop"}


def test_the_card_says_what_how_far_and_from_what(card):
    assert card.startswith("# sales/4\n\nPredictions of `sales` as of 2013-03-31, valid from 2013-04-01 to 2013-04-30.")
    assert "Convergence gate: **pass**. Drift against the verified baseline: **stable**." in card
    assert "| crps | 0.031 | pieces | at most 3 |" in card
    assert "| coverage_90 | 0.88 |  |  |" in card
    assert "| calm | No strike happens. | `coverage_90 >= 0.8` | the calendar |" in card
    assert "| customer | drop before anything is stored |" in card
    assert "| shop | new categories: population |" in card
    assert "Independent between shops." in card
    assert "`posterity reproduce sales/4`" in card
    assert "of up to 1 MiB" in card


def test_bars_in_what_a_model_says_break_no_table(card):
    (line,) = [line for line in card.splitlines() if line.startswith("| sold ")]
    assert line == r"| sold | pieces | a\|b |  |"


def test_a_model_that_says_nothing_gets_a_card_without_empty_headings(tmp_path):
    store = DirectoryStore(tmp_path)
    text = model_card(a_version(store, parameters={}), [])
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## How far it can be trusted", "## Made with"]
    assert sum(line.startswith("| ---") for line in text.splitlines()) == 1, "metrics are the only table"


def test_the_limit_of_what_is_copied():
    def part(size):
        return Part("x", Reference("x/y", "0" * 64, "x"), size)

    assert [is_copied(part(size)) for size in (0, LARGEST, LARGEST + 1, None)] == [True, True, False, False]
