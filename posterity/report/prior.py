"""The section of `plan`: what will be sampled, and what the model says before it has seen the data."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from posterity.report import markup, mcmc_plots, plots, predictive
from posterity.report.markup import join
from posterity.report.page import Section

if TYPE_CHECKING:
    from posterity.model.contract import Quantity
    from posterity.sampling.shards import Proposal

Array = NDArray[np.floating]

MOST_PARAMETERS = 14


def prior_section(
    plan: Mapping[str, Any],
    *,
    proposal: "Proposal | None" = None,
    replicate: tuple[Array, Array] | None = None,
    predicted: Mapping[str, Array] | None = None,
    quantities: Sequence["Quantity"] = (),
    parameters: Mapping[str, Array] | None = None,
) -> Section:
    """The plan's facts (dimensions, chains, draws, seed, digests), its shards, and the prior predictive pictures.

    proposal: how many shards were proposed, and why; replicate: observed (rows,) values and ones replicated from the
    prior (draws, rows); predicted: quantity →
    predictions from the prior (draws, rows); parameters: scalar parameter → prior draws (draws,).
    """
    checks = predictive.check(*replicate) if replicate else []
    beyond = [item.name for item in checks if item.surprising]
    known = bool(checks or predicted)
    if beyond:
        summary = f"The priors all but rule out the {' and the '.join(beyond)} that was observed: look at them."
    elif known:
        summary = "Before it sees the data the model covers what was observed, with room on both sides."
    else:
        summary = "What will be sampled; the model gives no prior predictions to look at."
    parts = [
        markup.facts(plan),
        _shards(proposal) if proposal else "",
        _pictures(replicate, predicted or {}, {item.name: item for item in quantities}),
        predictive.checks_table(checks),
        _parameters(parameters or {}),
    ]
    return Section("prior", "Plan and priors", join(parts), "warn" if beyond else "ok" if known else "", summary)


def _shards(proposal: "Proposal") -> Markup:
    rows = [
        (item.shards, item.chains, markup.seconds(item.waiting), markup.seconds(item.pod_seconds))
        for item in proposal.options
    ]
    columns = ("shards", "chains of the largest", "waiting", "pods' time in all")
    table = markup.table(columns, rows) if rows else Markup("")
    text = f"Proposed: {proposal.shards} shard(s). {proposal.reason}"
    return join([markup.paragraph(text, kind="note"), table])


def _pictures(
    replicate: tuple[Array, Array] | None, predicted: Mapping[str, Array], quantities: Mapping[str, "Quantity"]
) -> Markup:
    pictures = []
    if replicate and (picture := predictive.histogram_plot(*replicate, "Observed values over replicates of the prior")):
        caption = (
            "The band is where the priors alone expect the data. It should hold the orange line and be much wider; "
            "worry where the line leaves it, or where the band piles up at impossible values."
        )
        pictures.append(markup.figure("Prior predictive check", picture, caption))
    for name, draws in predicted.items():
        if values := _finite(draws):
            quantity = quantities.get(name)
            unit = quantity.unit if quantity else ""
            shares = quantity is not None and quantity.exposure is not None
            caption = "All rows together, predicted from the priors. Worry about spikes at the ends of the range."
            pictures.append(markup.figure(f"Prior of {name}", _density(values[0], name, unit, shares), caption))
    return join([markup.heading("Before the data"), markup.figures(pictures)]) if pictures else Markup("")


def _finite(draws: Array) -> list[Array]:
    values = np.asarray(draws, dtype=float).ravel()
    values = values[np.isfinite(values)]
    return [values] if values.size else []


def _density(values: Array, name: str, unit: str, shares: bool) -> Markup:
    low, high = (0.0, 1.0) if shares else (float(x) for x in np.quantile(values, [0.005, 0.995]))
    edges = np.linspace(low, high, 41) if low < high else np.linspace(low - 0.5, low + 0.5, 3)
    weights = np.full(values.size, 1 / values.size)

    def paint(axes: Any) -> None:
        axes.hist(values, edges, weights=weights, color=plots.BLUE, alpha=0.8, linewidth=0)
        plots.few_ticks(axes.xaxis)
        plots.few_ticks(axes.yaxis)
        plots.percentages(axes.yaxis)
        if shares:
            plots.percentages(axes.xaxis)

    return plots.plot(paint, f"Histogram of prior predictions of {name}", x=unit, y="share of draws")


def _parameters(parameters: Mapping[str, Array]) -> Markup:
    known = {name: values[0] for name, draws in parameters.items() if (values := _finite(draws))}
    kept = dict(list(known.items())[:MOST_PARAMETERS])
    if not kept:
        return Markup("")
    quantiles = np.array([np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]) for values in kept.values()]).T
    svg = mcmc_plots.forest(list(kept), quantiles, "the priors of scalar parameters")
    caption = "Thick bars hold 50 %, thin ones 90 % of the prior. Worry about a parameter that nobody can explain."
    return markup.figures([markup.figure("Priors", svg, caption)])
