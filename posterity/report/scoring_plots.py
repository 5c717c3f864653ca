"""Pictures of scores: calibration, PIT histogram, coverage."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from posterity.report import markup, plots

if TYPE_CHECKING:
    from posterity.report.scoring import Coverage, Scores

Array = NDArray[np.floating]


def pictures(scores: "Scores") -> list[Markup]:
    """The pictures that the scores have the numbers for."""
    pictures = []
    if scores.predicted is not None and scores.observed is not None:
        groups = calibration(scores.predicted, scores.observed, scores.trials)
        if len(groups):
            caption = (
                "Rows grouped by what was predicted; bars show what chance allows (two standard errors). Worry where "
                "points leave the line on one side: above it, more happened than was foretold."
            )
            pictures.append(markup.figure("Calibration", _calibration_plot(groups, scores), caption))
    if scores.pit is not None and np.isfinite(scores.pit).any():
        caption = (
            "Where the outcomes fell in their predictive distributions; flat is right, within the grey band nine bars "
            "in ten. A hill: intervals too wide. A bowl: too narrow. A slope: all too high or too low."
        )
        pictures.append(markup.figure("PIT histogram", _pit_plot(scores.pit), caption))
    if scores.coverage:
        caption = (
            "Dots: share of outcomes inside the interval. Grey: what chance allows if the level (line) is right. Worry "
            "about a dot outside the grey: to the left, intervals are too narrow."
        )
        pictures.append(markup.figure("Coverage", _coverage_plot(scores.coverage), caption))
    return pictures


def calibration(predicted: Array, observed: Array, trials: Array | None, groups: int = 10) -> Array:
    """Mean predicted, mean observed and its standard error for `groups` equal groups of rows: shape (groups, 3).

    With trials, rows count by them; the standard error is that of the rows' scatter, so over-dispersion shows in it.
    """
    weights = np.ones(len(predicted)) if trials is None else np.asarray(trials, dtype=float)
    fine = np.isfinite(predicted) & np.isfinite(observed) & (weights > 0)
    order = np.argsort(predicted[fine], kind="stable")
    predicted, observed, weights = predicted[fine][order], observed[fine][order], weights[fine][order]
    parts = np.array_split(np.arange(len(predicted)), max(1, min(groups, len(predicted) // 5)))
    return np.array([_group(predicted[i], observed[i], weights[i]) for i in parts if len(i) > 1]).reshape(-1, 3)


def _group(predicted: Array, observed: Array, weights: Array) -> tuple[float, float, float]:
    share = weights / weights.sum()
    mean = float(share @ observed)
    error = float(np.sqrt(np.sum((share * (observed - mean)) ** 2)))
    return float(share @ predicted), mean, error


def _calibration_plot(groups: Array, scores: "Scores") -> Markup:
    predicted, observed, error = groups.T
    low = float(min(predicted.min(), (observed - 2 * error).min()))
    high = float(max(predicted.max(), (observed + 2 * error).max()))

    def paint(axes: Any) -> None:
        axes.plot([low, high], [low, high], color=plots.MUTED, linewidth=0.8)
        axes.errorbar(predicted, observed, 2 * error, fmt="o", color=plots.BLUE, markersize=4, elinewidth=1.2)
        for axis in (axes.xaxis, axes.yaxis):
            plots.few_ticks(axis, 4)
            if scores.trials is not None:
                plots.percentages(axis)

    return plots.plot(paint, "Observed against predicted means, by group", x="predicted", y="happened")


def _pit_plot(pit: Array) -> Markup:
    known = pit[np.isfinite(pit)]
    bins = int(np.clip(known.size // 10, 4, 20))
    expected, spread = known.size / bins, 1.64 * np.sqrt(known.size / bins * (1 - 1 / bins))

    def paint(axes: Any) -> None:
        axes.hist(known, np.linspace(0, 1, bins + 1), color=plots.BLUE, alpha=0.8, linewidth=0, rwidth=0.92)
        axes.axhspan(max(expected - spread, 0), expected + spread, color=plots.MUTED, alpha=0.22, linewidth=0)
        axes.axhline(expected, color=plots.INK, linewidth=0.8)
        axes.set_xlim(0, 1)
        plots.few_ticks(axes.yaxis)

    return plots.plot(paint, "Histogram of the probability integral transform", x="PIT", y="rows")


def _coverage_plot(coverage: Sequence["Coverage"]) -> Markup:
    def paint(axes: Any) -> None:
        for row, item in enumerate(coverage):
            colour = plots.BLUE if item.expected else plots.VERMILION
            axes.barh(row, item.high - item.low, left=item.low, height=0.5, color=plots.MUTED, alpha=0.22, linewidth=0)
            axes.vlines(item.level, row - 0.25, row + 0.25, color=plots.INK, linewidth=1)
            axes.plot(item.share, row, "o", color=colour, markersize=6, clip_on=False)
        axes.set_yticks(range(len(coverage)), [markup.percent(item.level, 0) for item in coverage])
        axes.set_ylim(len(coverage) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.grid(visible=False, axis="y")
        plots.percentages(axes.xaxis)

    label = "Coverage of the published intervals against their levels"
    size = (plots.PANEL[0], 1.0 + 0.45 * len(coverage))
    return plots.plot(paint, label, x="outcomes inside", y="interval", size=size)
