"""Pictures that hold what a model says against what was observed: prior and posterior predictive checks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from posterity.report import markup, plots
from posterity.report.markup import number

Array = NDArray[np.floating]

STATISTICS = (("mean", np.mean), ("standard deviation", np.std), ("smallest", np.min), ("largest", np.max))


@dataclass(frozen=True)
class Check:
    """A statistic of the observed values, and the share of replicated data sets in which it is smaller.

    Ties count half, so that a share near 0 or 1 means that the model cannot make data like the observed.
    """

    name: str
    observed: float
    low: float
    high: float
    share: float

    @property
    def surprising(self) -> bool:
        """Whether the observed value lies outside the central 98 % of the replicated ones."""
        return not 0.01 <= self.share <= 0.99


def check(observed: Array, replicated: Array) -> list[Check]:
    """Mean, standard deviation and extremes of `observed` (rows,) among those of `replicated` (draws, rows).

    Rows in which either is not finite are left out; nothing comes back where none is left.
    """
    observed, replicated = _finite(observed, replicated)
    return [_check(name, statistic, observed, replicated) for name, statistic in STATISTICS] if observed.size else []


def _check(name: str, statistic: Any, observed: Array, replicated: Array) -> Check:
    value, others = float(statistic(observed)), statistic(replicated, axis=1)
    share = float(np.mean(others < value) + 0.5 * np.mean(others == value))
    low, high = np.quantile(others, [0.05, 0.95])
    return Check(name, value, float(low), float(high), share)


def _finite(observed: Array, replicated: Array) -> tuple[Array, Array]:
    fine = np.isfinite(observed) & np.isfinite(replicated).all(axis=0)
    return np.asarray(observed)[fine], np.asarray(replicated)[:, fine]


def checks_table(checks: list[Check]) -> Markup:
    """The checks as a table."""
    rows = [
        (item.name, number(item.observed), f"{number(item.low)} … {number(item.high)}", markup.percent(item.share))
        for item in checks
    ]
    return markup.table(
        ["statistic", "observed", "replicated, 5 … 95 %", "replicated below"],
        rows,
        kinds=["warn" if item.surprising else "" for item in checks],
    )


def histogram_plot(observed: Array, replicated: Array, label: str, unit: str = "") -> Markup:
    """The distribution of the observed values over the 90 % band of the replicated ones; empty where none are."""
    observed, replicated = _finite(observed, replicated)
    if not observed.size:
        return Markup("")
    edges = _edges(observed, replicated)
    counts = np.array([np.histogram(row, edges)[0] for row in replicated]) / observed.size
    low, middle, high = np.quantile(counts, [0.05, 0.5, 0.95], axis=0)
    seen = np.histogram(observed, edges)[0] / observed.size

    def paint(axes: Any) -> None:
        axes.stairs(high, edges, baseline=low, fill=True, color=plots.BLUE, alpha=0.25, label="model, 90 %")
        axes.stairs(middle, edges, baseline=None, color=plots.BLUE, linewidth=1, label="median")
        axes.stairs(seen, edges, baseline=None, color=plots.VERMILION, linewidth=1.6, label="observed")
        axes.set_ylim(bottom=0)
        axes.set_xlim(edges[0], edges[-1])
        plots.few_ticks(axes.xaxis)
        plots.few_ticks(axes.yaxis)
        plots.percentages(axes.yaxis)
        plots.legend(axes)

    return plots.plot(paint, label, x=unit, y="share of rows")


def _edges(observed: Array, replicated: Array) -> Array:
    """Bins over the central part of both, wide enough for what was observed."""
    low, high = np.quantile(replicated, [0.005, 0.995])
    low, high = min(low, observed.min()), max(high, observed.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, 1 + int(np.clip(np.sqrt(observed.size), 8, 40)))
