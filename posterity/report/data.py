"""The sections about the data: snapshot, data tests, cleaning, and what the features look like."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from posterity.report import markup
from posterity.report.markup import join
from posterity.report.page import Section

if TYPE_CHECKING:
    from posterity.data.checks import CheckReport, TestResult


def checks_section(report: "CheckReport") -> Section:
    """Every data test, the failed ones first with counts and examples."""
    failed = [test for test in report.tests if not test.passed]
    ordered = [*failed, *(test for test in report.tests if test.passed)]
    count = len(report.tests)
    if not count:
        summary = "The model declares no data tests, so nothing about the data was checked."
    elif failed:
        summary = f"{len(failed)} of {count} data tests failed; the snapshot is quarantined and nothing is made of it."
    else:
        summary = f"All {count} data tests passed."
    parts = [
        *(markup.callout("bad", test.message) for test in failed[:5]),
        markup.table(
            ["test", "column", "", "rows that fail", "examples"],
            [_test(test) for test in ordered],
            text=(0, 1, 2, 4),
            kinds=["bad" if not test.passed else "" for test in ordered],
        ),
    ]
    return Section("data-tests", "Data tests", join(parts), "bad" if failed else "ok" if count else "warn", summary)


def _test(test: "TestResult") -> tuple[Any, ...]:
    sign = markup.pill("ok", "passed") if test.passed else markup.pill("bad", "failed")
    examples = ", ".join(str(example) for example in list(test.examples)[:5])
    return test.name, test.column or "–", sign, f"{test.failures:,}", examples


def preprocess_section(before: int, after: int, raw: Sequence[str], clean: Sequence[str]) -> Section:
    """How many rows cleaning kept, and which columns it dropped and added."""
    lost = before - after
    share = markup.percent(lost / before) if before else "–"
    dropped = f"; {lost:,} ({share}) were dropped" if lost > 0 else ""
    summary = f"Cleaning kept {after:,} of {before:,} rows{dropped}."
    gone = [str(name) for name in raw if name not in set(clean)]
    new = [str(name) for name in clean if name not in set(raw)]
    parts = [
        markup.facts({"columns": f"{len(raw)} → {len(clean)}"}),
        _names("Columns dropped", gone),
        _names("Columns added", new),
    ]
    return Section("clean", "Cleaning", join(parts), "", summary)


def _names(title: str, names: Sequence[str]) -> Markup:
    if not names:
        return Markup("")
    return markup.paragraph(f"{title}: ", Markup(", ").join(markup.code(name) for name in names), ".")


def snapshot_section(manifest: Mapping[str, Any]) -> Section:
    """What was taken: source, day, rows, columns, and what was done to personal columns.

    manifest: the snapshot's, with `source`, `as_of`, `rows`, `columns` (name → type), `personal` and `sha256`.
    """
    columns: Mapping[str, str] = dict(manifest.get("columns", {}))
    personal: Mapping[str, str] = dict(manifest.get("personal", {}))
    rows = int(manifest.get("rows", 0))
    summary = f"{rows:,} rows and {len(columns)} columns, as known on {manifest.get('as_of', '–')}."
    treated = [(name, how) for name, how in personal.items()]
    parts = [
        markup.facts({"source": manifest.get("source", "–"), "as of": manifest.get("as_of", "–"), "rows": f"{rows:,}"}),
        markup.paragraph("SHA-256 of the table: ", markup.code(str(manifest.get("sha256", "–")))),
        markup.table(["personal column", "treatment before storing"], treated, text=(0, 1)),
        _columns(columns),
    ]
    return Section("snapshot", "Snapshot", join(parts), "", summary)


def _columns(columns: Mapping[str, str]) -> Markup:
    table = markup.table(["column", "type"], list(columns.items()), text=(0, 1), fold_after=None)
    return markup.fold(f"The {len(columns)} columns", table) if columns else table
