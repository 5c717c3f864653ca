"""A comparison in one picture: a panel per stage."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from posterity.parity.report import ParityReport, StageParity
from posterity.report import plots

EXACT = ("raw", "clean", "features")
BARS = 6


def picture(report: ParityReport, form: str = "svg") -> bytes:
    """The report as `svg` or `png`. Exact stages show how many rows differ per column, the others all z values
    with the limits from which a single one is a finding."""
    exact = [stage for stage in report.stages if stage.stage in EXACT]
    heights = [2.2 if any(stage.findings for stage in exact) else 0.7, 2.8, 2.8]

    def paint(figure: Any) -> None:
        grid = figure.add_gridspec(3, 6, height_ratios=heights)
        for at, stage in enumerate(exact):
            _panel(figure.add_subplot(grid[0, 2 * at : 2 * at + 2]), stage)
        _panel(figure.add_subplot(grid[1, :]), report.stage("posterior"))
        for at, name in enumerate(("predictions", "table")):
            _panel(figure.add_subplot(grid[2, 3 * at : 3 * at + 3]), report.stage(name))
        figure.suptitle(report.summary, x=0.01, ha="left", fontsize=11)

    return plots.render(paint, (10, sum(heights) + 0.5), form)


def _panel(axes: Any, stage: StageParity) -> None:
    colour = {"equal": plots.GREEN, "differs": plots.VERMILION}.get(stage.verdict, plots.MUTED)
    axes.set_title(f"{stage.stage}: {stage.verdict}", loc="left", color=colour, fontweight="bold")
    if stage.scores:
        _scores(axes, stage)
    elif stage.findings:
        _bars(axes, stage)
    else:
        axes.axis("off")
        text = stage.sentence.replace("; ", ";\n")
        axes.text(0, 0.98, text, transform=axes.transAxes, va="top", color=plots.MUTED, wrap=True)


def _bars(axes: Any, stage: StageParity) -> None:
    shown = stage.findings[:BARS][::-1]
    labels = plots.shorten([f"{finding.where} ({finding.what})" for finding in shown], 34)
    axes.barh(range(len(shown)), [finding.rows for finding in shown], color=plots.VERMILION, height=0.6)
    axes.set_yticks(range(len(shown)), labels)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.set_xlim(left=0)
    plots.few_ticks(axes.xaxis, 4)
    plots.thousands(axes.xaxis)
    axes.set_xlabel("rows that differ")


def _scores(axes: Any, stage: StageParity) -> None:
    """All z values of a stage, one column of points per family of tests, on a scale that is linear up to 6."""
    names = [scores.name for scores in stage.scores]
    for at, scores in enumerate(stage.scores):
        z = np.array(scores.z)
        places = at + 0.7 * (_spread(len(z)) - 0.5)
        beyond = np.abs(z) > scores.limit
        axes.plot(places[~beyond], z[~beyond], ".", color=plots.BLUE, markersize=2.5, rasterized=True)
        axes.plot(places[beyond], z[beyond], ".", color=plots.VERMILION, markersize=4, rasterized=True)
        for limit in (-scores.limit, scores.limit):
            axes.plot([at - 0.4, at + 0.4], [limit, limit], color=plots.INK, linewidth=0.9)
    axes.set_yscale("symlog", linthresh=6, linscale=2)
    largest = max(6.0, 1.2 * stage.largest)
    axes.set_ylim(-largest, largest)
    ticks = [tick for tick in (3, 6, 30, 200) if tick <= largest]
    axes.set_yticks([*(-tick for tick in reversed(ticks)), 0, *ticks])
    axes.set_yticks([], minor=True)
    axes.get_yaxis().set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    axes.set_ylabel("difference in MCSE")
    _name_families(axes, names)


def _spread(count: int) -> Any:
    """Places in (0, 1) that fill it evenly in any order (the golden ratio's multiples)."""
    return (0.5 + np.arange(count) * 0.6180339887498949) % 1


def _name_families(axes: Any, names: Sequence[str]) -> None:
    if len(names) <= BARS + 1:
        axes.set_xticks(range(len(names)), plots.shorten(names, 18), rotation=30, ha="right")
    else:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(names)} families of tests")
