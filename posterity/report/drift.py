"""The section of `detect_drift`: has the posterior moved since somebody verified a baseline?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from posterity.report import markup, plots
from posterity.report.inputs import input_drift
from posterity.report.markup import Verdict, join, number
from posterity.report.page import Section

if TYPE_CHECKING:
    from posterity.stats.drift import DriftReport, Finding
    from posterity.stats.inputs import InputDrift

MOST_SHOWN = 16
_VERDICTS: Mapping[str, Verdict] = {"stable": "ok", "warn": "warn", "drift": "bad", "no-baseline": "warn"}


def drift_section(
    report: "DriftReport",
    *,
    baseline: Mapping[str, Any] | None = None,
    inputs: Sequence["InputDrift"] = (),
    inspect: Sequence[str] = (),
    how_to_verify: str = "",
) -> Section:
    """The verdict, what moved and by how much, and what the inputs did.

    baseline: facts of the baseline (version, who verified it, when); inspect: assumptions to look at, in words;
    how_to_verify: the command that makes a version the baseline, shown when there is none.
    """
    parts = [
        markup.facts(baseline or {}),
        _how_to_verify(how_to_verify) if how_to_verify else markup.items(report.summary),
        _inspect(inspect),
        _findings(report),
        input_drift(inputs),
    ]
    verdict = _VERDICTS[report.verdict]
    if verdict == "ok" and any(item.drifted for item in inputs):
        verdict = "warn"
    return Section("drift", "Drift", join(parts), verdict, _summary(report, inputs))


def _summary(report: "DriftReport", inputs: Sequence["InputDrift"]) -> str:
    moved = sum(item.drifted for item in report.findings)
    text = {
        "stable": f"None of {len(report.findings):,} compared quantities moved by more than the data explain.",
        "warn": "No quantity moved by more than the data explain, but read the remarks.",
        "drift": f"{moved:,} of {len(report.findings):,} compared quantities moved by more than the data explain.",
        "no-baseline": "There is no verified baseline yet, so nothing was compared.",
    }[report.verdict]
    if columns := [item.column for item in inputs if item.drifted]:
        shown = ", ".join(columns[:5]) + ("…" if len(columns) > 5 else "")
        text += f" Input columns that changed: {shown}."
    return text


def _how_to_verify(command: str) -> Markup:
    text = "Look at this report; if you would vouch for it, make its version the baseline of later runs:"
    return markup.callout("", text, Markup(" "), markup.code(command))


def _inspect(inspect: Sequence[str]) -> Markup:
    return join([markup.heading("Look at these assumptions"), markup.items(inspect)]) if inspect else Markup("")


def _findings(report: "DriftReport") -> Markup:
    findings = sorted(report.findings, key=_size, reverse=True)
    if not findings:
        return Markup("")
    rate = report.false_alarm_rate
    lead = markup.paragraph(
        f"Rung of the ladder: {report.rung}. A quantity drifts when its change is both significant (many tests allowed "
        "for) and material (as large as declared).",
        "" if rate is None else f" On stable history {markup.percent(rate)} of runs raised a false alarm.",
    )
    caption = (
        "Change in units of what is material: outside the grey band it matters. Filled dots are significant too. "
        "Worry about filled dots outside the band."
    )
    picture = markup.figure("The largest changes", _plot(findings[:MOST_SHOWN]), caption)
    return join([markup.heading("What moved"), lead, markup.figures([picture]), _table(findings)])


def _size(item: "Finding") -> tuple[bool, float]:
    relative = _relative(item)
    return item.drifted, abs(relative) if np.isfinite(relative) else 0.0


def _relative(item: "Finding") -> float:
    return item.change / item.materiality if item.materiality else float("nan")


def _plot(findings: Sequence["Finding"]) -> Markup:
    sizes = np.array([_relative(item) for item in findings])
    rows = np.arange(len(findings))
    limit = 1.15 * max(1.5, float(np.nanmax(np.abs(sizes), initial=0.0)))

    def paint(axes: Any) -> None:
        axes.axvspan(-1, 1, color=plots.MUTED, alpha=0.12, linewidth=0)
        axes.axvline(0, color=plots.MUTED, linewidth=0.8)
        for row, (item, size) in enumerate(zip(findings, sizes, strict=True)):
            colour = plots.VERMILION if item.drifted else plots.BLUE
            axes.hlines(row, 0, size, color=colour, linewidth=1.5)
            inside = colour if item.significant else plots.GROUND
            axes.plot(size, row, "o", color=inside, markeredgecolor=colour, markersize=5)
        names = (f"{item.group}: {item.label}" if item.label else item.group for item in findings)
        axes.set_yticks(rows, plots.shorten(names))
        axes.set_ylim(len(findings) - 0.4, -0.6)
        axes.set_xlim(-limit, limit)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", labelcolor=plots.INK)
        plots.few_ticks(axes.xaxis, 4)

    size = (plots.PANEL[0], 0.7 + 0.21 * len(findings))
    return plots.plot(paint, "The largest changes since the baseline", x="change ÷ what is material", size=size)


def _table(findings: Sequence["Finding"]) -> Markup:
    rows = [
        (
            item.group,
            *plots.shorten([item.label], 40),
            number(item.before),
            number(item.now),
            number(item.change),
            number(item.materiality),
            item.unit,
            number(item.z),
            number(item.p_adjusted, 2),
            "yes" if item.significant else "no",
        )
        for item in findings
    ]
    columns = ["group", "label", "baseline", "now", "change", "material from", "unit", "z", "adjusted p", "significant"]
    kinds = ["bad" if item.drifted else "" for item in findings]
    table = markup.table(columns, rows, text=(0, 1, 6, 9), kinds=kinds, fold_after=None)
    return markup.fold(f"All {len(rows):,} compared quantities, the largest changes first", table)
