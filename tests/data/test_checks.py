import json
from datetime import date

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from posterity.data.checks import CheckReport, run_checks
from posterity.errors import ModelError

from .shop import Shop, sales

AS_OF = date(2013, 1, 31)


def raw(**columns) -> pd.DataFrame:
    return sales().drop(columns="email").assign(**columns)


def messages(table: pd.DataFrame, model: Shop | None = None) -> list[str]:
    report = run_checks(model or Shop(), table, AS_OF)
    assert len({(test.column, test.name) for test in report.tests}) == len(report.tests), "a test is listed twice"
    assert CheckReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert report.passed == (not [test for test in report.tests if not test.passed])
    return [test.message for test in report.tests if not test.passed]


def test_good_data_pass_every_test() -> None:
    report = run_checks(Shop(), raw(), AS_OF)
    assert report.passed
    assert report.share == 1
    names = {(test.column, test.name) for test in report.tests}
    assert {
        ("order", "unique row keys"),
        ("order", "complete row keys"),
        ("order", "type int64"),
        ("amount", "present"),
        ("amount", "greater_than_or_equal_to(0)"),
        ("amount", "no missing values"),
        ("day", "not after the as-of day"),
        ("table", "at least three rows"),
    } <= names
    assert ("customer", "no missing values") not in names


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            raw(amount=[1.0, -2, -2, -3]),
            "amount: 3 values fail greater_than_or_equal_to(0), e.g. -2.0; -3.0; the first is row 1",
        ),
        (
            raw(amount=[1.0, -2, 0, 0]),
            "amount: 1 value fails greater_than_or_equal_to(0), e.g. -2.0; the first is row 1",
        ),
        (raw(amount=[1.0, np.nan, 0, 0]), "amount: 1 value fails no missing values; the first is row 1"),
        (raw(amount=[1, 2, 3, 4]), "amount: its type is int64, not float64"),
        (raw(day="2013-02-01"), "day: 4 values fail not after the as-of day, e.g. 2013-02-01; the first is row 0"),
        (raw().drop(columns="day"), "column day is missing"),
        (raw(order=[1, 2, 2, 2]), "order: 2 rows fail to be unique, e.g. 2"),
        (raw().iloc[:2], "at least three rows does not hold"),
    ],
)
def test_what_is_wrong_is_said_once(table: pd.DataFrame, message: str) -> None:
    assert messages(table) == [message]


def test_a_wrong_type_comes_before_what_follows_from_it() -> None:
    report = run_checks(Shop(), raw(amount=["1", "two", "3", None]), AS_OF)
    failed = [test for test in report.tests if not test.passed]
    assert [test.name for test in failed] == ["type float64", "no missing values", "greater_than_or_equal_to(0)"]
    assert failed[0].examples == ("two",)
    assert failed[0].message == "amount: 1 value fails type float64, e.g. two; the first is row 1"
    assert "cannot be tested" in failed[2].message
    assert 0 < report.share < 1


def test_every_failure_is_listed() -> None:
    found = messages(raw(order=[1, 1, 2, 3], amount=[-1.0, 0, 0, 0], day="2014-01-01").drop(columns="customer"))
    assert [message.partition(":")[0] for message in found] == ["order", "column customer is missing", "amount", "day"]


def test_missing_row_keys() -> None:
    model = Shop()
    model.row_keys = ("order", "customer")  # type: ignore[misc]
    assert messages(raw(), model) == ["order × customer: 1 row fails to have a key"]
    model.row_keys = ("order", "till")  # type: ignore[misc]
    assert messages(raw(), model) == ["row keys: column till is missing"]


class Strict(Shop):
    def schema(self, as_of: date) -> pa.DataFrameSchema:
        return pa.DataFrameSchema(
            {
                "order": pa.Column("int64", unique=True),
                "note": pa.Column("str", required=False),
                "amount": pa.Column(float),
            },
            checks=[
                pa.Check(lambda table: table["order"] < table["amount"], error="order below amount"),
                pa.Check(lambda table: table["amount"].mean() > 100, error="mean above 100"),
            ],
            strict=True,
            unique=["order", "amount"],
        )


def test_tests_of_rows_and_tables() -> None:
    table = pd.DataFrame({"order": [1, 2, 2, 9], "amount": [5.0, 5.0, 5.0, 1.0], "till": 1})
    assert messages(table, Strict()) == [
        "order: 1 row fails to be unique, e.g. 2",
        "column till is not in the schema",
        "2 rows fail unique together, e.g. order=2.0, amount=5.0; the first is row 1",
        "1 row fails order below amount, e.g. order=9.0, amount=1.0, till=1.0; the first is row 3",
        "mean above 100 does not hold",
        "order: 2 values fail unique, e.g. 2; the first is row 1",
    ]


def test_a_column_that_may_be_absent_is_not_missed() -> None:
    report = run_checks(Strict(), pd.DataFrame({"order": [1, 2], "amount": [200.0, 300.0]}), AS_OF)
    assert report.passed
    assert "note" not in {test.column for test in report.tests}


def test_many_failures_give_few_examples() -> None:
    table = pd.concat([raw(amount=-1.0 - i) for i in range(500)], ignore_index=True).assign(order=range(2000))
    failed = [test for test in run_checks(Shop(), table, AS_OF).tests if not test.passed]
    assert [(test.failures, len(test.examples)) for test in failed] == [(2000, 5)]


@pytest.mark.parametrize("schema", [lambda as_of: 1 / 0, lambda as_of: None])
def test_a_broken_schema_is_the_model_s_fault(schema) -> None:
    model = Shop()
    model.schema = schema
    with pytest.raises(ModelError, match="the schema of model shop cannot be applied"):
        run_checks(model, raw(), AS_OF)


def test_the_table_is_left_as_it_is() -> None:
    table = raw(amount=[1, 2, 3, 4])
    before = table.copy()
    run_checks(Shop(), table, AS_OF)
    pd.testing.assert_frame_equal(table, before)
