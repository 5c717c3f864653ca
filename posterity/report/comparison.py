"""A comparison of two products, as a page and as a picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from posterity.report import markup, plots
from posterity.report.markup import join, number, percent
from posterity.report.page import Section, page
from posterity.scoring.comparing import in_sds, values

if TYPE_CHECKING:
    from posterity.model.contract import Quantity
    from posterity.scoring.comparing import Comparison, Moved

FARTHEST = 5.0  # standard deviations; rows that moved more are in the last bar
SIZE = (3.6, 2.9)
COLUMNS = ("row", "before", "90 % interval", "now", "90 % interval", "change in sd")


def comparison_page(found: "Comparison") -> str:
    """A self-contained HTML page."""
    both, before_only, now_only = found.rows
    summary = f"{both:,} rows are in both, {before_only:,} in the first only, {now_only:,} in the second only."
    table = markup.table(["", found.before, found.now], found.facts, text=(0, 1, 2))
    sections = [Section("versions", "What is compared", table, "", summary)]
    sections += [_section(found, quantity) for quantity in found.shared]
    return page(f"{found.before} and {found.now}", sections, {"rows in both": f"{both:,}"})


def comparison_picture(found: "Comparison", form: str) -> bytes:
    """All quantities, a line each, as `svg` or `png`."""

    def paint(figure: Any) -> None:
        grid = figure.subplots(len(found.shared), 2, squeeze=False)
        for (left, right), quantity in zip(grid, found.shared, strict=True):
            _scatter(left, found, quantity)
            _histogram(right, found, quantity)
            left.set_title(f"{quantity.name}, {quantity.unit}", loc="left", fontweight="bold")
        figure.suptitle(f"{found.before} and {found.now}", x=0.01, ha="left", fontsize=11)

    return plots.render(paint, (2.2 * SIZE[0], SIZE[1] * len(found.shared) + 0.4), form)


def _section(found: "Comparison", quantity: "Quantity") -> Section:
    change = next(item for item in found.quantities if item.quantity == quantity.name)
    summary = (
        f"On average {_shown(quantity, change.before)} before and {_shown(quantity, change.now)} now, {quantity.unit}. "
        f"The median row moved {number(change.sds)} of its standard deviations; of {percent(change.apart)} of the rows "
        f"the 90 % intervals have nothing in common; intervals are {number(change.width)} times as wide."
    )
    pictures = [
        markup.figure(
            "Row by row",
            plots.plot(
                lambda axes: _scatter(axes, found, quantity),
                f"Means of {quantity.name} now against before",
                size=SIZE,
            ),
            "On the line nothing changed. Worry about a cloud beside the line, or rows far off it.",
        ),
        markup.figure(
            "How far rows moved",
            plots.plot(
                lambda axes: _histogram(axes, found, quantity),
                f"Histogram of the changes of {quantity.name} in standard deviations",
                size=SIZE,
            ),
            "Rows beyond one standard deviation say something that the first product did not expect.",
        ),
    ]
    moved = [row for row in found.moved if row.quantity == quantity.name]
    body = [markup.figures(pictures), markup.heading("The rows that moved most"), _table(moved, quantity)]
    identifier = "quantity-" + "".join(letter if letter.isalnum() else "-" for letter in quantity.name)
    return Section(identifier, quantity.name, join(body), "", summary)


def _table(moved: Sequence["Moved"], quantity: "Quantity") -> Markup:
    if not moved:
        return markup.paragraph("No row moved.")
    rows = [
        [
            row.key,
            _shown(quantity, row.before),
            _shown(quantity, *row.before_interval),
            _shown(quantity, row.now),
            _shown(quantity, *row.now_interval),
            f"{row.sds:+.2f}".replace("-", "\N{MINUS SIGN}"),
        ]
        for row in moved
    ]
    return markup.table(COLUMNS, rows)


def _shown(quantity: "Quantity", *given: float) -> str:
    """A value or an interval; shares in percent."""
    return " – ".join(percent(value) if quantity.exposure else number(value) for value in given)


def _scatter(axes: Any, found: "Comparison", quantity: "Quantity") -> None:
    before, now = values(found.table, quantity, "mean")
    known = np.isfinite(before) & np.isfinite(now)
    before, now = before[known], now[known]
    dense = len(before) > 300
    if len(before):
        ends = [min(before.min(), now.min()), max(before.max(), now.max())]
        axes.plot(ends, ends, color=plots.MUTED, linewidth=1)
    axes.plot(before, now, "o", color=plots.BLUE, markersize=3, alpha=0.6, markeredgewidth=0, rasterized=dense)
    axes.set_xlabel(found.before)
    axes.set_ylabel(found.now)
    for axis in (axes.xaxis, axes.yaxis):
        plots.few_ticks(axis, 4)
        if quantity.exposure:
            plots.percentages(axis)


def _histogram(axes: Any, found: "Comparison", quantity: "Quantity") -> None:
    sds = in_sds(found.table, quantity)
    inside = np.clip(sds[~np.isnan(sds)], -FARTHEST, FARTHEST)
    largest = max(1.0, float(np.abs(inside).max(initial=0.0)))
    axes.hist(inside, bins=np.linspace(-largest, largest, 31), color=plots.BLUE, alpha=0.8, linewidth=0)
    axes.axvline(0, color=plots.MUTED, linewidth=1)
    axes.set_xlabel("change in standard deviations")
    axes.set_ylabel("rows")
    plots.few_ticks(axes.xaxis, 6)
    plots.few_ticks(axes.yaxis, 4)
