"""The section of `predict`: the table of predictions, its top rows and its distribution."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from posterity.report import markup, plots
from posterity.report.markup import join, number
from posterity.report.page import Section

if TYPE_CHECKING:
    import pandas as pd

    from posterity.data.product import ProductFacts
    from posterity.model.contract import Quantity

QUANTILES = ("q05", "q25", "q50", "q75", "q95")


def product_section(facts: "ProductFacts", table: "pd.DataFrame") -> Section:
    """The predictions of one run: top rows, distribution and width of the intervals.

    table: the published columns (keys, exposure columns, `QUANTITY_mean`, `QUANTITY_q05`, …).
    """
    several = len(facts.quantities) > 1
    parts = [part for quantity in facts.quantities for part in _quantity(table, facts.keys, quantity, several)]
    unknown = sum(int(table[f"{quantity.name}_mean"].isna().sum()) for quantity in facts.quantities)
    summary = f"{len(table):,} rows of predictions, valid {facts.valid_from} to {facts.valid_until}."
    if unknown:
        summary += f" {unknown:,} have no prediction (nothing is planned for them)."
    return Section(
        "product",
        "Predictions",
        join(parts) if len(table) else markup.callout("bad", "The table of predictions is empty."),
        "ok" if len(table) else "bad",
        summary,
    )


def top_rows(table: "pd.DataFrame", keys: Sequence[str], quantity: "Quantity", count: int = 10) -> Markup:
    """The `count` rows with the highest predicted mean, each with its 50 % and 90 % interval as a bar."""
    name = quantity.name
    known = table[np.isfinite(table[f"{name}_mean"].to_numpy(dtype=float))]
    ranked = known.sort_values(f"{name}_mean", ascending=False, kind="stable").head(count)
    exposure = [quantity.exposure] if quantity.exposure and quantity.exposure in ranked else []
    scale = float(np.nanmax(ranked[f"{name}_q95"].to_numpy(dtype=float), initial=0.0))
    rows = [
        [_key(row, keys), *(int(row[item]) for item in exposure), *_figures(row, quantity, scale)]
        for row in ranked.to_dict("records")
    ]
    columns = [" · ".join(keys), *exposure, "mean", "90 % interval", "0 to " + _shown(scale, quantity)]
    return markup.table(columns, rows, text=(0, len(columns) - 1), fold_after=None, style="ranked")


def _key(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    return " · ".join(str(row[key]) for key in keys)


def _figures(row: Mapping[str, Any], quantity: "Quantity", scale: float) -> list[Any]:
    low, q25, middle, q75, high = (float(row[f"{quantity.name}_{name}"]) for name in QUANTILES)
    said = f"{_shown(low, quantity)} – {_shown(high, quantity)}"
    bar = markup.interval(low, q25, middle, q75, high, scale, f"median {_shown(middle, quantity)}, 90 % {said}")
    return [_shown(float(row[f"{quantity.name}_mean"]), quantity), said, bar]


def _shown(value: float, quantity: "Quantity") -> str:
    return markup.percent(value, 0) if quantity.exposure else number(value)


def _quantity(table: "pd.DataFrame", keys: Sequence[str], quantity: "Quantity", several: bool) -> list[Markup]:
    title = f"{quantity.name}: the " if several else "The "
    described = quantity.description or f"{quantity.name} in {quantity.unit}"
    return [
        markup.heading(f"{title}rows with the highest {'risk' if quantity.exposure else 'mean'}"),
        markup.paragraph(
            f"{described[:1].upper()}{described[1:].rstrip('.')}. The thick bar holds 50 % of the probability, the "
            "thin one 90 %, the tick is the median; chance in the outcomes themselves is included."
        ),
        top_rows(table, keys, quantity),
        markup.figures(_pictures(table, quantity)),
    ]


def _pictures(table: "pd.DataFrame", quantity: "Quantity") -> list[Markup]:
    mean = table[f"{quantity.name}_mean"].to_numpy(dtype=float)
    width = (table[f"{quantity.name}_q95"] - table[f"{quantity.name}_q05"]).to_numpy(dtype=float)
    fine = np.isfinite(mean) & np.isfinite(width)
    if not fine.any():
        return []
    pictures = [
        markup.figure(
            "Distribution over the rows",
            _histogram(mean[fine], quantity),
            "How the predicted means spread. Worry about rows piled up at an end, or a second hump nobody expects.",
        )
    ]
    if quantity.exposure in table:
        trials = table[quantity.exposure].to_numpy(dtype=float)[fine]
        pictures.append(
            markup.figure(
                "How sure each row is",
                _widths(trials, width[fine], quantity),
                "Intervals narrow with the number planned. Worry about a row far above its neighbours: little is known "
                "about it.",
            )
        )
    return pictures


def _histogram(mean: Any, quantity: "Quantity") -> Markup:
    def paint(axes: Any) -> None:
        axes.hist(mean, bins=int(np.clip(np.sqrt(mean.size), 5, 40)), color=plots.BLUE, alpha=0.8, linewidth=0)
        average = float(mean.mean())
        axes.axvline(average, color=plots.VERMILION)
        above = axes.get_xaxis_transform()
        axes.text(average, 1.0, " average", color=plots.VERMILION, va="bottom", transform=above)
        plots.few_ticks(axes.xaxis)
        plots.few_ticks(axes.yaxis)
        if quantity.exposure:
            plots.percentages(axes.xaxis)

    x = "predicted share" if quantity.exposure else f"predicted {quantity.name}, {quantity.unit}"
    return plots.plot(paint, f"Histogram of the predicted means of {quantity.name}", x=x, y="rows")


def _widths(trials: Any, width: Any, quantity: "Quantity") -> Markup:
    def paint(axes: Any) -> None:
        dense = len(width) > 300
        axes.plot(trials, width, "o", color=plots.BLUE, markersize=3, alpha=0.6, markeredgewidth=0, rasterized=dense)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        plots.few_ticks(axes.xaxis)
        plots.few_ticks(axes.yaxis)
        plots.percentages(axes.yaxis)
        plots.thousands(axes.xaxis)

    label = f"Width of the 90 % interval of {quantity.name} against {quantity.exposure}"
    return plots.plot(paint, label, x=str(quantity.exposure), y="width of 90 % interval")
