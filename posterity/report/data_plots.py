"""Pictures of a feature table: distributions of its columns, now and before, and how the outcome goes with them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from posterity.report import markup, plots
from posterity.report.markup import join, number

if TYPE_CHECKING:
    from posterity.data.analysis import Analysis, ColumnFacts
    from posterity.data.distribution import Distribution

MOST_PICTURES = 6
"""How many columns are drawn at once; the others are folded away."""

MOST_COLUMNS = 30
MOST_CATEGORIES = 10


def distributions(analysis: "Analysis", columns: Sequence["ColumnFacts"]) -> Markup:
    """The distribution of each column, with the previous one where there is one; most columns are folded away."""
    drawn = [column for column in columns if column.distribution.labels][:MOST_COLUMNS]
    if not drawn:
        return Markup("")
    before = " Orange marks the previous snapshot." if analysis.rows_before else ""
    lead = markup.paragraph(
        f"How the values spread.{before} Worry about a pile at an end, a value that stands for “unknown”, or one "
        "category that holds nearly everything."
    )
    pictures = [markup.figure(column.name, _distribution(column), _remarks(column)) for column in drawn]
    rest = pictures[MOST_PICTURES:]
    folded = markup.fold(f"{len(rest)} more columns", markup.figures(rest)) if rest else ""
    return join([markup.heading("Distributions"), lead, markup.figures(pictures[:MOST_PICTURES]), folded])


def associations(columns: Sequence["ColumnFacts"], outcome: str) -> Markup:
    """The mean outcome along the columns that tell most about it; nothing where there is no outcome."""
    told = [column for column in columns if column.association and column.association.strength > 0]
    pictures = [
        markup.figure(
            f"{outcome} by {column.name}", _means(column), f"Strength {number(column.association.strength, 2)}."
        )
        for column in told[:MOST_PICTURES]
        if column.association
    ]
    lead = markup.paragraph(
        f"How {outcome} goes with each column alone (0: not at all, 1: fully explained). Worry about a strength close "
        "to 1: such a column may know the outcome."
    )
    return (
        join([markup.heading("Association with the outcome"), lead, markup.figures(pictures)])
        if pictures
        else Markup("")
    )


def _remarks(column: "ColumnFacts") -> str:
    change, hidden = column.change, column.distribution.distinct - MOST_CATEGORIES
    parts = [f"and {hidden} further values" if column.distribution.kind == "category" and hidden > 0 else ""]
    for word, names in (("new", change.new), ("gone", change.gone)) if change else ():
        if names:
            parts.append(f"{word}: {', '.join(plots.shorten(names[:5]))}{'…' if len(names) > 5 else ''}")
    return "; ".join(part for part in parts if part)


def _distribution(column: "ColumnFacts") -> Markup:
    now, facts = _shares(column.distribution.counts), column.distribution
    before = _shares(column.change.before) if column.change and sum(column.change.before) else None
    if facts.kind == "category":
        return _bars(facts.labels, now, before, f"shares of {column.name}")
    return _steps(facts, now, before, f"Histogram of {column.name}")


def _shares(counts: Sequence[int]) -> NDArray[np.float64]:
    return np.asarray(counts, dtype=float) / max(1, sum(counts))


def _bars(labels: Sequence[str], now: NDArray[np.float64], before: NDArray[np.float64] | None, label: str) -> Markup:
    count = min(len(labels), MOST_CATEGORIES)

    def paint(axes: Any) -> None:
        axes.barh(range(count), now[:count], height=0.65, color=plots.BLUE, alpha=0.8, linewidth=0)
        if before is not None:
            axes.plot(before[:count], range(count), "|", color=plots.VERMILION, markersize=9, markeredgewidth=2)
        axes.set_yticks(range(count), plots.shorten(labels[:count], 22))
        axes.set_ylim(count - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", labelcolor=plots.INK)
        plots.few_ticks(axes.xaxis, 4)
        plots.percentages(axes.xaxis)

    return plots.plot(paint, label, size=(plots.PANEL[0], 0.6 + 0.2 * count))


def _steps(facts: "Distribution", now: NDArray[np.float64], before: NDArray[np.float64] | None, label: str) -> Markup:
    edges = _edges(facts)

    def paint(axes: Any) -> None:
        axes.stairs(now, edges, fill=True, color=plots.BLUE, alpha=0.8)
        if before is not None:
            axes.stairs(before, edges, baseline=None, color=plots.VERMILION, linewidth=1.4)
        axes.set_ylim(bottom=0)
        _label_bins(axes, facts)
        plots.few_ticks(axes.yaxis, 4)
        plots.percentages(axes.yaxis)

    return plots.plot(paint, label, y="rows", size=(plots.PANEL[0], 1.9))


def _means(column: "ColumnFacts") -> Markup:
    facts = column.distribution
    means = column.association.means if column.association else ()
    values = np.array([np.nan if mean is None else mean for mean in means], dtype=float)

    def by_category(axes: Any) -> None:
        rows = range(min(len(values), MOST_CATEGORIES))
        axes.plot(values[rows], rows, "o", color=plots.BLUE, markersize=5)
        axes.set_yticks(rows, plots.shorten(facts.labels[: len(rows)], 22))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=True, axis="x")
        axes.tick_params(axis="y", labelcolor=plots.INK)
        plots.few_ticks(axes.xaxis, 4)

    def by_bin(axes: Any) -> None:
        edges = _edges(facts)
        axes.plot((edges[1:] + edges[:-1]) / 2, values, "o-", color=plots.BLUE, markersize=3.5, linewidth=1)
        _label_bins(axes, facts)
        plots.few_ticks(axes.yaxis, 4)

    label = f"Mean outcome along {column.name}"
    if facts.kind == "category":
        return plots.plot(by_category, label, size=(plots.PANEL[0], 0.6 + 0.2 * min(len(values), MOST_CATEGORIES)))
    return plots.plot(by_bin, label, y="mean outcome", size=(plots.PANEL[0], 1.9))


def _edges(facts: "Distribution") -> NDArray[np.float64]:
    """Where bins begin and end: as given, or one by one where each value has its own or they are times."""
    if facts.kind == "time" or facts.distinct <= len(facts.labels):
        return np.arange(len(facts.labels) + 1, dtype=np.float64) - 0.5
    return np.asarray(facts.edges, dtype=np.float64)


def _label_bins(axes: Any, facts: "Distribution") -> None:
    if facts.kind == "number" and facts.distinct > len(facts.labels):
        plots.few_ticks(axes.xaxis, 4)
        plots.thousands(axes.xaxis)
        return
    most = 3 if facts.kind == "time" else 10
    at = np.unique(np.linspace(0, len(facts.labels) - 1, min(most, len(facts.labels))).astype(int))
    axes.set_xticks(at, [facts.labels[i][:10] for i in at])
