"""Input drift: which columns of the input changed, and how."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from posterity.report import markup, plots
from posterity.report.markup import join, number

if TYPE_CHECKING:
    from posterity.stats.inputs import InputDrift

MOST_SHOWN = 16


def input_drift(columns: Sequence["InputDrift"]) -> Markup:
    """The columns by the size of their change, as a picture and a table; nothing where nothing was compared."""
    if not columns:
        return Markup("")
    ordered = sorted(columns, key=lambda item: (item.drifted, item.effect), reverse=True)
    caption = (
        "How far each column's distribution has moved (numbers: in standard deviations; categories: Jensen–Shannon "
        "distance). Orange ones changed both significantly and materially: worry about those that the model reads."
    )
    picture = markup.figure("Size of the change", _plot(ordered[:MOST_SHOWN]), caption)
    return join([markup.heading("Input columns"), markup.figures([picture]), _table(ordered)])


def _plot(columns: Sequence["InputDrift"]) -> Markup:
    def paint(axes: Any) -> None:
        for row, item in enumerate(columns):
            axes.barh(row, item.effect, height=0.6, color=plots.VERMILION if item.drifted else plots.BLUE, linewidth=0)
        axes.set_yticks(range(len(columns)), plots.shorten(item.column for item in columns))
        axes.set_ylim(len(columns) - 0.4, -0.6)
        axes.set_xlim(0, max(0.1, *(1.1 * item.effect for item in columns)))
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", labelcolor=plots.INK)
        plots.few_ticks(axes.xaxis, 4)

    size = (plots.PANEL[0], 0.7 + 0.21 * len(columns))
    return plots.plot(paint, "Effect size of the change of each input column", x="effect size", size=size)


def _table(columns: Sequence["InputDrift"]) -> Markup:
    rows = [
        (
            item.column,
            markup.pill("warn", "drifted") if item.drifted else "",
            number(item.effect),
            number(item.p_adjusted, 2),
            markup.percent(item.missing_before),
            markup.percent(item.missing_now),
            _categories(item),
        )
        for item in columns
    ]
    names = ["column", "", "effect", "adjusted p", "missing before", "missing now", "categories"]
    kinds = ["warn" if item.drifted else "" for item in columns]
    table = markup.table(names, rows, text=(0, 1, 6), kinds=kinds, fold_after=None)
    return markup.fold(f"All {len(rows)} columns", table)


def _categories(item: "InputDrift") -> str:
    parts = [
        f"{word} {', '.join(plots.shorten(names[:5], 20))}{'…' if len(names) > 5 else ''}"
        for word, names in (("new:", tuple(item.new)), ("gone:", tuple(item.vanished)))
        if names
    ]
    return "; ".join(parts)
