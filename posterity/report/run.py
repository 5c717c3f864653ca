"""The sections of the run itself: the overview that everybody reads, and the stages with their times."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from posterity.report import markup
from posterity.report.markup import Verdict, join
from posterity.report.page import OVERVIEW, Section
from posterity.report.product import top_rows

if TYPE_CHECKING:
    import pandas as pd

    from posterity.model.contract import Quantity
    from posterity.runs import StageRecord

_STATUS: Mapping[str, Verdict] = {"ran": "ok", "reused": "ok", "running": "warn", "failed": "bad"}


def overview_section(
    summary: str,
    *,
    verdict: Verdict = "",
    facts: Mapping[str, Any] | None = None,
    table: "pd.DataFrame | None" = None,
    keys: Sequence[str] = (),
    quantity: "Quantity | None" = None,
    next_steps: Sequence[tuple[str, str]] = (),
) -> Section:
    """What came of the run in a sentence, the ten rows most at risk, and what to do next.

    table: the product (None when none was made); next_steps: pairs of a sentence and a command (may be empty).
    """
    steps = [join([text, " ", markup.code(command)]) if command else text for text, command in next_steps]
    parts = [
        markup.facts(facts or {}),
        _most_at_risk(table, keys, quantity) if table is not None and len(table) and quantity else "",
        markup.heading("What to do next") + markup.items(steps, ordered=True) if steps else "",
    ]
    return Section(OVERVIEW, "Overview", join(parts), verdict, summary)


def _most_at_risk(table: "pd.DataFrame", keys: Sequence[str], quantity: "Quantity") -> Markup:
    count = min(10, len(table))
    note = markup.paragraph(
        "Bars show where the outcome is expected: with 50 % probability in the thick part, with 90 % in the thin one. "
        "Worry about bars that start far from zero; a long bar means that little is known.",
        kind="note",
    )
    several, one = ("rows most at risk", "row") if quantity.exposure else ("highest predictions", "prediction")
    return join(
        [
            markup.heading(f"The {count} {several}" if count > 1 else f"The only {one}"),
            top_rows(table, keys, quantity),
            note,
        ]
    )


def stages_section(
    records: Sequence["StageRecord"], settings: Mapping[str, Any], digests: Mapping[str, str]
) -> Section:
    """Each stage with its time and whether it ran or was reused, and why; settings and digests of the run."""
    failed = next((record for record in records if record.status == "failed"), None)
    total = sum(record.seconds for record in records)
    ran = [record.name for record in records if record.status == "ran"]
    if failed:
        summary = f"Stage {failed.name} failed; the stages before it are kept and are not repeated."
    elif not records:
        summary = "No stage has run yet."
    elif len(ran) == len(records):
        summary = f"All {len(records)} stages ran; {markup.seconds(total)} of work in all."
    else:
        summary = (
            f"{len(ran)} of {len(records)} stages ran, the others were reused; {markup.seconds(total)} of work in all."
        )
    parts = [
        _error(failed) if failed else "",
        _table(records, max((record.seconds for record in records), default=0.0)),
        markup.fold("Settings of this run", markup.facts(settings)) if settings else "",
        markup.fold("Digests", _digests(digests)) if digests else "",
    ]
    return Section("run", "How the run went", join(parts), "bad" if failed else "ok" if records else "", summary)


def _error(record: "StageRecord") -> Markup:
    if not record.error:
        return Markup("")
    trace = markup.fold("Where it happened", Markup("<pre>{}</pre>").format(record.error.trace))
    return markup.callout("bad", f"{record.error.kind}: {record.error.message}") + trace


def _table(records: Sequence["StageRecord"], longest: float) -> Markup:
    rows = [
        (
            record.name,
            markup.pill(_STATUS[record.status], record.status),
            markup.seconds(record.seconds),
            _length(record.seconds, longest),
            f"{record.memory:,.0f} MiB" if record.memory else "",
            record.why,
        )
        for record in records
    ]
    kinds = ["bad" if record.status == "failed" else "" for record in records]
    columns = ["stage", "", "time", "", "memory", "why"]
    return markup.table(columns, rows, text=(0, 1, 3, 5), kinds=kinds, fold_after=40)


def _length(seconds: float, longest: float) -> Markup:
    width = 100 * seconds / longest if longest > 0 else 0
    return Markup('<span class="length" style="width:{}%"></span>').format(f"{width:.1f}")


def _digests(digests: Mapping[str, str]) -> Markup:
    rows = [(name, markup.code(digest)) for name, digest in digests.items()]
    return markup.table(["part", "SHA-256"], rows, text=(0, 1), fold_after=None)
