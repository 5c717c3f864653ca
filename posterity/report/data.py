"""The sections about the data: snapshot, data tests, cleaning, and what the features look like."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from posterity.report import markup
from posterity.report.data_plots import associations, distributions
from posterity.report.markup import join
from posterity.report.page import Section

if TYPE_CHECKING:
    from posterity.data.analysis import Analysis, ColumnFacts
    from posterity.data.checks import CheckReport, TestResult
    from posterity.data.snapshot import Manifest


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
    share = markup.percent(lost / before, 2) if before else "–"
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


def snapshot_section(manifest: "Manifest") -> Section:
    """What was taken: source, day, rows, columns, and what was done to personal columns."""
    summary = f"{manifest.rows:,} rows and {len(manifest.columns)} columns, as known on {manifest.as_of}."
    parts = [
        markup.facts({"source": manifest.source, "as of": manifest.as_of, "rows": f"{manifest.rows:,}"}),
        markup.paragraph("SHA-256 of the table: ", markup.code(manifest.sha256)),
        markup.table(["personal column", "treatment before storing"], list(manifest.personal.items()), text=(0, 1)),
        _columns(manifest.columns),
    ]
    return Section("snapshot", "Snapshot", join(parts), "", summary)


def _columns(columns: Mapping[str, str]) -> Markup:
    table = markup.table(["column", "type"], list(columns.items()), text=(0, 1), fold_after=None)
    return markup.fold(f"The {len(columns)} columns", table) if columns else table


def analysis_section(analysis: "Analysis") -> Section:
    """Distributions, missing values, association with the outcome, change since the previous snapshot."""
    ordered = sorted(analysis.columns, key=lambda column: -(column.association.strength if column.association else 0))
    altered = [f"new column {name}" for name in analysis.added] + [
        f"column {name} is gone" for name in analysis.removed
    ]
    parts = [
        *(markup.callout("warn", f"Since the previous snapshot: {text}.") for text in altered),
        _columns_table(analysis.rows, ordered),
        associations(ordered, analysis.outcome),
        distributions(analysis, ordered),
    ]
    return Section("features", "Features", join(parts), "warn" if altered else "", _features_summary(analysis))


def _features_summary(analysis: "Analysis") -> str:
    text = f"{analysis.rows:,} rows of {len(analysis.columns)} columns"
    if analysis.rows_before is None:
        return f"{text}; there is no earlier table to compare with."
    moved = [(column.change.moved, column.name) for column in analysis.columns if column.change]
    text += f", {analysis.rows_before:,} before"
    if not moved or max(moved)[0] == 0:
        return f"{text}; no distribution changed."
    share, name = max(moved)
    return f"{text}; what changed most is {name} ({markup.percent(share)} of its rows lie elsewhere)."


def _columns_table(rows: int, columns: Sequence["ColumnFacts"]) -> Markup:
    changed = any(column.change for column in columns)
    associated = any(column.association for column in columns)
    names = ["column", "type", "missing", "distinct", "mean", "sd", "smallest", "largest"]
    names += [*(["association"] if associated else []), *(["moved"] if changed else [])]
    table = []
    for column in columns:
        facts = column.distribution
        missing = markup.percent(facts.missing / rows) if facts.missing and rows else "none"
        row = [column.name, column.dtype, missing, facts.distinct, facts.mean, facts.sd, facts.low, facts.high]
        row += [column.association.strength if column.association else None] if associated else []
        row += [markup.percent(column.change.moved) if column.change else "–"] if changed else []
        table.append(row)
    return markup.table(names, table, text=(0, 1))
