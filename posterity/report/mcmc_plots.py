"""Pictures of Markov chains: rank, trace and energy; and the forest of effects.

Drawn here rather than by ArviZ, whose import costs each process about six seconds for about ten lines per picture
(docs/decisions). Rank plots show the difference of each chain's ECDF of ranks from the uniform one, after Säilynoja,
Bürkner and Vehtari (2022), which stays readable for many chains.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from posterity.report import plots

Array = NDArray[np.floating]

MOST_POINTS = 600


def rank_plot(values: Array, label: str, ess: float) -> Markup:
    """Ranks of the draws (chains, draws) of one quantity, chain by chain, with a 95 % band.

    The band is that of Dvoretzky, Kiefer and Wolfowitz at `ess` effective draws in all, over all chains at once.
    """
    chains, draws = values.shape
    grid = np.linspace(0, 1, min(draws, 100) + 1)
    order = np.argsort(values, axis=None, kind="stable")
    ranks = np.empty(order.size)
    ranks[order] = (np.arange(order.size) + 0.5) / order.size
    ranks = np.sort(ranks.reshape(chains, draws), axis=1)
    limit = rank_band(chains, ess)

    def paint(axes: Any) -> None:
        if limit is not None:
            axes.fill_between([0, 1], -limit, limit, color=plots.MUTED, alpha=0.15, linewidth=0)
        axes.axhline(0, color=plots.MUTED, linewidth=0.8)
        for chain in range(chains):
            ecdf = np.searchsorted(ranks[chain], grid, side="right") / draws
            axes.plot(grid, ecdf - grid, color=_colour(chain), linewidth=1.2, alpha=_alpha(chains))
        axes.set_xlim(0, 1)
        plots.few_ticks(axes.yaxis)
        if limit is not None:
            top = 1.15 * max(limit, float(np.abs(axes.dataLim.intervaly).max()))
            axes.set_ylim(-top, top)

    return plots.plot(paint, f"Rank plot of {label}", x="rank, as a share of all draws", y="ECDF − uniform")


def rank_band(chains: int, ess: float) -> float | None:
    """Half the width of the band of `rank_plot`; None for one chain, whose ranks say nothing."""
    if chains < 2 or not ess > 0:
        return None
    per_chain = ess / chains
    return float(np.sqrt(np.log(2 * chains / 0.05) / (2 * per_chain) * (1 - 1 / chains)))


def trace_plot(values: Array, label: str, divergent: NDArray[np.bool_] | None = None, unit: str = "") -> Markup:
    """The draws (chains, draws) in the order they came; divergent ones (same shape) are marked below."""
    chains, draws = values.shape
    step = -(-draws // MOST_POINTS)
    kept = np.arange(0, draws, step)

    def paint(axes: Any) -> None:
        for chain in range(chains):
            axes.plot(
                kept, values[chain, ::step], color=_colour(chain), linewidth=0.5, alpha=_alpha(chains), rasterized=True
            )
        if divergent is not None and divergent.any():
            at = np.nonzero(divergent.any(axis=0))[0]
            axes.plot(at, np.full(len(at), 0.02), "|", color=plots.INK, transform=axes.get_xaxis_transform())
        axes.set_xlim(0, max(draws - 1, 1))
        plots.few_ticks(axes.xaxis, 4)
        plots.few_ticks(axes.yaxis)

    return plots.plot(paint, f"Trace of {label}", x="draw", y=unit)


def energy_plot(energy: Array) -> Markup:
    """The energies (chains, draws) around their mean, and how far one draw moves in energy (Betancourt 2016)."""
    centred = (energy - energy.mean(axis=1, keepdims=True)).ravel()
    moves = np.diff(energy, axis=1).ravel()

    def paint(axes: Any) -> None:
        everything = np.concatenate([centred, moves])
        low, high = np.quantile(everything, [0.001, 0.999])
        edges = np.linspace(low, high, 51)
        for data, colour, name in ((centred, plots.BLUE, "energy"), (moves, plots.VERMILION, "change per draw")):
            axes.hist(data, edges, density=True, histtype="stepfilled", color=colour, alpha=0.25, linewidth=0)
            axes.hist(data, edges, density=True, histtype="step", color=colour, label=name)
        axes.set_yticks([])
        plots.few_ticks(axes.xaxis)
        plots.legend(axes)

    return plots.plot(paint, "Distribution of the energy and of its change from draw to draw", x="energy, centred")


def forest(
    labels: Sequence[str], quantiles: Array, label: str, unit: str = "", reference: float | None = 0.0
) -> Markup:
    """Intervals of some effects, one row each in the order given.

    quantiles: (5, labels), at 5, 25, 50, 75 and 95 %; reference: where to draw a line, None for nowhere.
    """
    low, q25, middle, q75, high = quantiles
    rows = np.arange(len(labels))

    def paint(axes: Any) -> None:
        axes.hlines(rows, low, high, color=plots.BLUE, linewidth=1.2)
        axes.hlines(rows, q25, q75, color=plots.BLUE, linewidth=4)
        axes.plot(middle, rows, "o", color=plots.GROUND, markeredgecolor=plots.BLUE, markersize=4.5)
        if reference is not None:
            axes.axvline(reference, color=plots.MUTED, linewidth=0.8)
        axes.set_yticks(rows, plots.shorten(labels))
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", labelcolor=plots.INK)
        plots.few_ticks(axes.xaxis, 4)

    return plots.plot(paint, f"Intervals of {label}", x=unit, size=(plots.PANEL[0], 0.7 + 0.2 * len(labels)))


def _colour(chain: int) -> str:
    return plots.COLOURS[chain % len(plots.COLOURS)]


def _alpha(chains: int) -> float:
    return 0.9 if chains <= 4 else 0.6
