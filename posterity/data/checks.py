"""The data tests of a snapshot: the model's pandera schema, and the uniqueness of its rows."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from posterity.errors import ModelError
from posterity.model.contract import Model

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 5
TABLE = "table"  # the place of a test that is not about one column
# What pandera calls its own tests, and what we call them.
LABELS = {
    "column_in_dataframe": "present",
    "column_in_schema": "no other columns",
    "column_ordered": "order of columns",
    "not_nullable": "no missing values",
    "field_uniqueness": "unique",
    "multiple_fields_uniqueness": "unique together",
}
ABOUT_COLUMNS = {
    "present": "column {} is missing",
    "no other columns": "column {} is not in the schema",
    "order of columns": "column {} is not at its place",
}


@dataclass(frozen=True)
class TestResult:
    """One test: how many values failed it (0: not a matter of single values), a few of them, and a sentence."""

    __test__ = False  # no test case of pytest

    name: str
    column: str
    passed: bool
    failures: int = 0
    examples: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True)
class CheckReport:
    """All data tests of one snapshot; of the failed ones those first from which others follow."""

    tests: tuple[TestResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(test.passed for test in self.tests)

    @property
    def share(self) -> float:
        """The share of tests that passed."""
        return sum(test.passed for test in self.tests) / max(1, len(self.tests))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CheckReport":
        """The report that `to_dict` wrote, also after JSON."""
        return cls(tuple(TestResult(**{**test, "examples": tuple(test["examples"])}) for test in values["tests"]))


def run_checks(model: Model, raw: "pd.DataFrame", as_of: date) -> CheckReport:
    """Run every data test, also after one has failed. Raises ModelError when the schema itself is broken."""
    from pandera.errors import SchemaErrors

    failed: list[TestResult] = []
    try:
        schema = model.schema(as_of)
        schema.validate(raw, lazy=True)
    except SchemaErrors as errors:
        failed = sorted(_failures(errors.failure_cases), key=_follows)
    except Exception as error:
        raise ModelError(
            f"the schema of model {model.name} cannot be applied ({type(error).__name__}: {error}); mend `schema`"
        ) from error
    bad = {(test.column, test.name) for test in failed} | {(TABLE, test.name) for test in failed}
    tests = [(place, name) for place, name in _all_tests(schema) if place in raw or place == TABLE]
    passed = [TestResult(name, place, True) for place, name in tests if (place, name) not in bad]
    keys = list(_row_keys(model, raw))
    return CheckReport((*_only(keys, passed=False), *failed, *_only(keys, passed=True), *passed))


def _failures(cases: "pd.DataFrame") -> Iterator[TestResult]:
    """One result per place and test, in the order of the cases."""
    names = cases["check"].map(_label)
    places = [
        _place(context, column, name, value)
        for context, column, name, value in zip(
            cases["schema_context"], cases["column"], names, cases["failure_case"], strict=True
        )
    ]
    for (place, name), group in cases.groupby([places, names], sort=False):
        yield _result(str(place), str(name), group)


def _label(check: object) -> str:
    text = str(check)
    return f"type {text[7:-2]}" if text.startswith("dtype(") else LABELS.get(text, text)


def _place(context: str, column: object, name: str, value: object) -> str:
    """The column that a failure is about."""
    if name in ABOUT_COLUMNS:
        return str(value)
    return str(column) if context == "Column" and isinstance(column, str | int) else TABLE


def _result(place: str, name: str, cases: "pd.DataFrame") -> TestResult:
    """The result of a test that failed, from pandera's failure cases: one per value, or one without a row for all."""
    prefix = "" if place == TABLE else f"{place}: "
    if name in ABOUT_COLUMNS:
        return TestResult(name, place, False, message=ABOUT_COLUMNS[name].format(place))
    if cases["index"].isna().all():
        return TestResult(name, place, False, message=prefix + _reason(name, str(cases["failure_case"].iloc[0])))
    if name.startswith("type ") and not cases["failure_case"].isna().all():
        cases = cases.dropna(subset="failure_case")  # holes are another test
    values = _rows(cases) if place == TABLE else cases.set_index("index")["failure_case"].map(str)
    examples = tuple(values.drop_duplicates().head(EXAMPLES))
    message = f"{prefix}{_count(len(values), 'row' if place == TABLE else 'value')} {name}"
    shown = "" if name == "no missing values" else f", e.g. {'; '.join(examples[:3])}"
    return TestResult(
        name, place, False, len(values), examples, f"{message}{shown}; the first is row {values.index[0]}"
    )


def _rows(cases: "pd.DataFrame") -> "pd.Series":
    """Of a test of whole rows, each row as text; pandera lists it once per column."""
    parts = cases["column"].map(str) + "=" + cases["failure_case"].map(str)
    return parts.groupby(cases["index"], sort=False).agg(", ".join)


def _count(count: int, what: str) -> str:
    return f"1 {what} fails" if count == 1 else f"{count:,} {what}s fail"


def _reason(name: str, value: str) -> str:
    """What is wrong with a column as a whole, from the only value that pandera gives."""
    if name.startswith("type "):
        return f"its type is {value}, not {name[5:]}"
    return f"{name} cannot be tested: {value}" if "Error(" in value else f"{name} does not hold"


def _follows(test: TestResult) -> int:
    """Rank in the report: missing columns and wrong types come before the tests that they make fail."""
    if test.name in ABOUT_COLUMNS:
        return 0
    if test.name.startswith("type "):
        return 1
    return 3 if "cannot be tested" in test.message else 2


def _all_tests(schema: Any) -> Iterator[tuple[str, str]]:
    """(place, test) of everything that a schema checks, named as its failure would be."""
    for name, column in schema.columns.items():
        tests = {
            "present": column.required,
            f"type {column.dtype}": column.dtype,
            "no missing values": not column.nullable,
            "unique": column.unique,
        }
        yield from ((str(name), test) for test, is_tested in tests.items() if is_tested)
        yield from ((str(name), str(check.error or check.name)) for check in column.checks)
    tests = {"no other columns": schema.strict, "order of columns": schema.ordered, "unique together": schema.unique}
    yield from ((TABLE, test) for test, is_tested in tests.items() if is_tested)
    yield from ((TABLE, str(check.error or check.name)) for check in schema.checks)


def _row_keys(model: Model, raw: "pd.DataFrame") -> Iterator[TestResult]:
    """The row keys are there in every row and in no two rows the same."""
    keys = list(model.row_keys)
    place = " × ".join(keys)
    if missing := [key for key in keys if key not in raw]:
        yield TestResult("row keys", place, False, message=f"row keys: column {', '.join(missing)} is missing")
        return
    holes = int(raw[keys].isna().any(axis=1).sum())
    message = f"{place}: {_count(holes, 'row')} to have a key" if holes else ""
    yield TestResult("complete row keys", place, not holes, holes, message=message)
    double = raw.loc[raw.duplicated(keys), keys]
    examples = tuple(" ".join(map(str, row)) for row in double.drop_duplicates().head(EXAMPLES).itertuples(index=False))
    message = f"{place}: {_count(len(double), 'row')} to be unique, e.g. {examples[0]}" if examples else ""
    yield TestResult("unique row keys", place, double.empty, len(double), examples, message)


def _only(tests: list[TestResult], *, passed: bool) -> list[TestResult]:
    return [test for test in tests if test.passed == passed]
