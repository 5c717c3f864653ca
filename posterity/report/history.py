"""A year of runs in one picture: product, what happened, coverage, drift verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from markupsafe import Markup

from posterity.report import markup, plots
from posterity.report.markup import Verdict, join
from posterity.report.page import Section


@dataclass(frozen=True)
class Point:
    """A prediction of one run (5, 25, 50, 75 and 95 % quantiles), and what happened (None where it is not known)."""

    q05: float
    q25: float
    q50: float
    q75: float
    q95: float
    actual: float | None = None


@dataclass(frozen=True)
class Period:
    """One run of the year: when its product starts to hold, what it said of each series, how it did.

    series: name → prediction (the first name is the overall one); coverage: level → share of outcomes inside; drift:
    the verdict of the run's drift check; rejected: why nothing was published, empty where something was.
    """

    as_of: date
    valid_from: date
    series: Mapping[str, Point]
    coverage: Mapping[float, float]
    gate: Literal["pass", "extend", "fail"] = "pass"
    drift: Literal["stable", "warn", "drift", "no-baseline"] = "no-baseline"
    rejected: str = ""


_DRIFT: Mapping[str, tuple[str, str, str]] = {
    "stable": (plots.GREEN, "o", "stable"),
    "warn": (plots.ORANGE, "^", "warn"),
    "drift": (plots.VERMILION, "X", "drift"),
    "no-baseline": (plots.MUTED, "_", "no baseline"),
}
_VERDICTS: Mapping[str, Verdict] = {"stable": "ok", "warn": "warn", "drift": "bad", "no-baseline": ""}


def history_section(periods: Sequence[Period], quantity: str, shares: bool = True) -> Section:
    """The picture with a table of the same; shares: whether the series are shares (drawn in percent)."""
    if not periods:
        return Section("history", "The year so far", "", "", "No run has left a product yet.")
    drifted = [item for item in periods if item.drift == "drift"]
    summary = f"{len(periods)} runs from {periods[0].as_of} to {periods[-1].as_of}; " + (
        f"drift was found in {', '.join(f'{item.as_of:%B}' for item in drifted)}." if drifted else "none drifted."
    )
    caption = (
        "Bars: the published 50 % (thick) and 90 % (thin) intervals. Crosses: what happened. Below: share of outcomes "
        "inside the 90 % intervals, with the level as a line, and the drift verdict of each run. Worry where crosses "
        "leave the bars or coverage falls below the line."
    )
    svg = plots.inline(picture(periods, quantity, shares), summary)
    verdict = _VERDICTS[periods[-1].drift]
    parts = [markup.figures([markup.figure("Month by month", svg, caption)], wide=True), _table(periods, shares)]
    return Section("history", "The year so far", join(parts), verdict, summary)


def picture(periods: Sequence[Period], quantity: str, shares: bool = True, form: str = "svg") -> bytes:
    """The figure alone as a file (`svg` or `png`): a panel per series, then coverage, then the drift verdicts.

    Raises ValueError when there is no period.
    """
    if not periods:
        raise ValueError("periods is empty: there is no run to draw")
    names = list(dict.fromkeys(name for item in periods for name in item.series))
    heights = [2.0, *[1.15] * (len(names) - 1), 1.0, 0.42]

    def paint(figure: Any) -> None:
        panels = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
        top = _top(periods, names)
        for axes, name in zip(panels[: len(names)], names, strict=True):
            _series(axes, periods, name, shares, top if shares else None)
        for axes in panels[:-1]:
            axes.tick_params(axis="x", bottom=False)
        _coverage(panels[-2], periods)
        _verdicts(panels[-1], periods)
        panels[0].set_title(quantity, loc="left", color=plots.INK, fontsize=11, fontweight="bold", pad=22)
        plots.legend(panels[0])
        _months(panels[-1], periods)

    return plots.render(paint, (9.0, 0.9 + sum(heights)), form)


def _top(periods: Sequence[Period], names: Sequence[str]) -> float:
    values = [
        max(point.q95, point.actual if point.actual is not None else 0.0)
        for item in periods
        for name in names
        if (point := item.series.get(name))
    ]
    return 1.08 * float(np.nanmax(values, initial=0.0)) or 1.0


def _series(axes: Any, periods: Sequence[Period], name: str, shares: bool, top: float | None) -> None:
    at = np.array([i for i, item in enumerate(periods) if name in item.series and not item.rejected])
    points = [periods[i].series[name] for i in at]
    if points:
        low, q25, middle, q75, high = np.array([(p.q05, p.q25, p.q50, p.q75, p.q95) for p in points]).T
        axes.vlines(at, low, high, color=plots.BLUE, linewidth=1.4, label="90 %")
        axes.vlines(at, q25, q75, color=plots.BLUE, linewidth=6, alpha=0.75, label="50 %")
        axes.plot(at, middle, "_", color=plots.GROUND, markersize=7, markeredgewidth=1.4)
    known = [(i, p.actual) for i, p in zip(at, points, strict=True) if p.actual is not None]
    if known:
        style = {"color": plots.VERMILION, "markersize": 6.5, "markeredgewidth": 1.8}
        axes.plot(*zip(*known, strict=True), "x", label="happened", **style)
    axes.set_ylabel(plots.shorten([name], 18)[0], color=plots.INK)
    if top is not None:
        axes.set_ylim(0, top)
    plots.few_ticks(axes.yaxis, 4)
    if shares:
        plots.percentages(axes.yaxis)


def _coverage(axes: Any, periods: Sequence[Period], level: float = 0.9) -> None:
    known = [(i, item.coverage[level]) for i, item in enumerate(periods) if level in item.coverage]
    if known:
        axes.plot(*zip(*known, strict=True), "o-", color=plots.BLUE, markersize=4, linewidth=1)
    axes.axhline(level, color=plots.MUTED, linewidth=1)
    axes.set_ylim(min(0.5, *(share for _, share in known)) - 0.05 if known else 0.45, 1.04)
    axes.set_ylabel("coverage", color=plots.INK)
    plots.few_ticks(axes.yaxis, 3)
    plots.percentages(axes.yaxis)


def _verdicts(axes: Any, periods: Sequence[Period]) -> None:
    for i, item in enumerate(periods):
        colour, marker, word = _DRIFT[item.drift]
        axes.plot(i, 0.62, marker, color=colour, markersize=7, markeredgewidth=1.5 if marker == "_" else 0)
        text = "stopped" if item.rejected else word
        axes.text(i, 0.0, text, ha="center", va="center", fontsize=7.5, color=plots.MUTED)
    axes.set_ylim(-0.4, 1)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.set_ylabel("drift", color=plots.INK, rotation=0, ha="right", va="center")


def _months(axes: Any, periods: Sequence[Period]) -> None:
    words = [f"{item.valid_from:%b}" for item in periods]
    for i in (i for i, item in enumerate(periods) if i == 0 or item.valid_from.year != periods[i - 1].valid_from.year):
        words[i] += f"\n{periods[i].valid_from:%Y}"
    axes.set_xticks(range(len(periods)), words)
    axes.set_xlim(-0.6, max(len(periods) - 0.4, 0.6))
    axes.set_xlabel("month predicted")


def _table(periods: Sequence[Period], shares: bool) -> Markup:
    overall = next((name for item in periods for name in item.series), "")

    def shown(value: float | None) -> str:
        return markup.percent(value) if shares else markup.number(value)

    rows = []
    for item in periods:
        point = item.series.get(overall)
        rows.append(
            (
                str(item.as_of),
                f"{item.valid_from:%B %Y}",
                item.rejected or item.gate,
                shown(point.q50) if point else "–",
                f"{shown(point.q05)} – {shown(point.q95)}" if point else "–",
                shown(point.actual) if point else "–",
                markup.percent(item.coverage.get(0.9)),
                markup.pill(_VERDICTS[item.drift], item.drift),
            )
        )
    columns = ["as of", "predicts", "gate", "median", "90 % interval", "happened", "coverage of 90 %", "drift"]
    return markup.table(columns, rows, text=(0, 1, 2, 7), caption=f"Series: {overall}", fold_after=24)
