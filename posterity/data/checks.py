"""The data tests of a snapshot: the model's pandera schema, and the uniqueness of its rows."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from posterity.errors import ModelError
from posterity.model.contract import Model

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 5


@dataclass(frozen=True)
class TestResult:
    """One test: how many values failed it, and a few of them."""

    __test__ = False  # no test case of pytest

    name: str
    column: str
    passed: bool
    failures: int = 0
    examples: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True)
class CheckReport:
    """All data tests of one snapshot."""

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
        return asdict(self)


def run_checks(model: Model, raw: "pd.DataFrame", as_of: date) -> CheckReport:
    """Run every data test, also after one has failed. Raises ModelError when the schema itself is broken."""
    from pandera.errors import SchemaErrors

    try:
        schema = model.schema(as_of)
    except Exception as error:
        raise ModelError(f"the schema of model {model.name} cannot be made: {error}") from error
    failed: list[TestResult] = []
    try:
        schema.validate(raw, lazy=True)
    except SchemaErrors as errors:
        failed = _failures(errors.failure_cases)
    names = {(test.column, test.name) for test in failed}
    passed = [TestResult(name, column, True) for column, name in _all_tests(schema) if (column, name) not in names]
    return CheckReport((*_row_keys(model, raw), *failed, *passed))


def _failures(cases: "pd.DataFrame") -> list[TestResult]:
    """One result per column and check, in the order of the cases."""
    results = []
    for (column, check), group in cases.groupby(["column", "check"], sort=False, dropna=False):
        examples = tuple(map(str, group["failure_case"].drop_duplicates().head(EXAMPLES)))
        place = str(column) if column == column and column is not None else "table"
        count = len(group)
        message = f"{place}: {count:,} values fail {check}, e.g. {', '.join(examples[:3])}"
        if group["index"].isna().all():
            message = f"{place}: {check} fails ({', '.join(examples[:3])})"
        results.append(TestResult(str(check), place, False, count, examples, message))
    return results


def _all_tests(schema: Any) -> list[tuple[str, str]]:
    """(column, test) of everything that a schema checks."""
    tests = []
    for name, column in schema.columns.items():
        tests += [(str(name), "column_in_dataframe")] if column.required else []
        tests += [(str(name), f"dtype('{column.dtype}')")] if column.dtype else []
        tests += [] if column.nullable else [(str(name), "not_nullable")]
        tests += [(str(name), str(check.error or check.name)) for check in column.checks]
    return tests + [("table", str(check.error or check.name)) for check in schema.checks]


def _row_keys(model: Model, raw: "pd.DataFrame") -> list[TestResult]:
    keys = list(model.row_keys)
    name, column = "unique row keys", " × ".join(keys)
    missing = [key for key in keys if key not in raw]
    if missing:
        text = f"table: column {', '.join(missing)} of the row keys is missing"
        return [TestResult(name, column, False, len(raw), tuple(missing), text)]
    double = raw[raw.duplicated(keys, keep="first")]
    if double.empty:
        return [TestResult(name, column, True)]
    examples = tuple(" ".join(map(str, row)) for row in double[keys].head(EXAMPLES).to_numpy())
    text = f"{column}: {len(double):,} rows repeat the keys of another, e.g. {examples[0]}"
    return [TestResult(name, column, False, len(double), examples, text)]
