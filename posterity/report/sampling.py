"""The section of `diagnose`: may these draws be used, and do they look like the data?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from posterity.report import markup, mcmc_plots, plots, predictive
from posterity.report.markup import Verdict, join, number
from posterity.report.page import Section

if TYPE_CHECKING:
    from posterity.model.contract import Estimand
    from posterity.stats.gate import GateReport, QuantityCheck

Array = NDArray[np.floating]

WORST = 3
"""How many quantities get a rank and a trace plot."""

MOST_EFFECTS = 14
_VERDICTS: Mapping[str, Verdict] = {"pass": "ok", "extend": "warn", "fail": "bad"}


def sampling_section(
    gate: "GateReport",
    draws: Mapping[str, Array],
    labels: Mapping[str, Sequence[str]],
    *,
    energy: Array | None = None,
    divergent: NDArray[np.bool_] | None = None,
    estimands: Sequence["Estimand"] = (),
    replicate: tuple[Array, Array] | None = None,
    chains: Sequence[Mapping[str, Any]] = (),
) -> Section:
    """The gate's verdict with its reasons, and the pictures that bear it out.

    draws: group of the gate's checks → (chains, draws, labels); labels: group → labels of the last axis;
    energy and divergent: (chains, draws); estimands: values (draws, labels) of all chains together; replicate:
    observed (rows,) and replicated (draws, rows) values; chains: one mapping of facts per chain (equal names).
    """
    return Section(
        "sampling",
        "Sampling",
        join(
            [
                _verdict(gate),
                _facts(gate),
                _chain_pictures(_worst(gate.checks), draws, labels, divergent),
                _energy(gate, energy),
                _posterior_predictive(replicate),
                _effects(estimands),
                _all_checks(gate.checks),
                _chains(chains),
            ]
        ),
        _VERDICTS[gate.verdict],
        _summary(gate),
    )


def _summary(gate: "GateReport") -> str:
    size = f"{gate.chains} chains of {gate.draws:,} draws"
    if gate.verdict == "pass":
        return (
            f"The gate let the draws pass: {size} agree (R-hat at most {number(gate.rhat_max, 4)}, "
            f"smallest ESS {_whole(gate.ess_min)}, {gate.divergences} divergences)."
        )
    if gate.verdict == "extend":
        return f"The {size} agree but are too few: {gate.further_chains} further chains would be enough."
    return f"The gate stopped the run: {size} cannot be trusted, and nothing of them is published."


def _whole(value: float) -> str:
    return number(round(value)) if np.isfinite(value) else number(value)


def _verdict(gate: "GateReport") -> Markup:
    verdict = _VERDICTS[gate.verdict]
    parts = [markup.callout("bad" if verdict == "bad" else "warn", reason) for reason in gate.reasons]
    return join([*parts, markup.items(gate.warnings)])


def _facts(gate: "GateReport") -> Markup:
    checked = sum(item.published for item in gate.checks)
    failed = sum(item.published and not item.passed for item in gate.checks)
    return markup.facts(
        {
            "chains × draws": f"{gate.chains} × {gate.draws:,}",
            "published quantities checked": f"{checked:,}",
            "of them not passed": f"{failed:,}",
            "largest R-hat": number(gate.rhat_max, 4),
            "smallest ESS": _whole(gate.ess_min),
            "divergences": f"{gate.divergences:,}",
            "smallest E-BFMI": number(min(gate.bfmi)) if gate.bfmi else "–",
        }
    )


def _worst(checks: Sequence["QuantityCheck"]) -> list["QuantityCheck"]:
    """The published quantities nearest to failing, or all parameters where nothing published varies."""

    def badness(item: "QuantityCheck") -> tuple[bool, float]:
        excess = (item.rhat - 1) / max(item.rhat_limit - 1, 1e-9)
        return not item.passed, max(excess, 400 / max(min(item.ess_bulk, item.ess_tail), 1.0))

    varying = [item for item in checks if item.sd > 0 and np.isfinite(item.rhat)]
    candidates = [item for item in varying if item.published] or varying
    ordered = sorted(candidates, key=badness, reverse=True)
    # The same draws may be published under two names; one picture of them is enough.
    different = {(item.rhat, item.ess_bulk, item.ess_tail): item for item in reversed(ordered)}
    return [item for item in ordered if item is different[item.rhat, item.ess_bulk, item.ess_tail]][:WORST]


def _chain_pictures(
    worst: Sequence["QuantityCheck"],
    draws: Mapping[str, Array],
    labels: Mapping[str, Sequence[str]],
    divergent: NDArray[np.bool_] | None,
) -> Markup:
    traces, ranks = [], []
    for item in worst:
        values = _values(item, draws, labels)
        if values is None:
            continue
        name = f"{item.group}: {item.label}" if item.label else item.group
        trace = mcmc_plots.trace_plot(values, name, divergent)
        rank = mcmc_plots.rank_plot(values, name, item.ess_bulk)
        figures = f"R-hat {number(item.rhat, 4)}, bulk ESS {_whole(item.ess_bulk)}."
        traces.append(markup.figure(f"Trace · {name}", trace, f"{figures} One colour per chain: they should overlap."))
        ranks.append(markup.figure(f"Ranks · {name}", rank, "A line that leaves the grey band: that chain sits apart."))
    if not traces:
        return Markup("")
    lead = markup.paragraph(
        f"The {len(traces)} quantities nearest to the limits. Worry where a colour drifts, sticks or stays away "
        "from the others."
    )
    return join([markup.heading("Chains: trace and rank plots"), lead, markup.figures(traces), markup.figures(ranks)])


def _values(item: "QuantityCheck", draws: Mapping[str, Array], labels: Mapping[str, Sequence[str]]) -> Array | None:
    """The draws (chains, draws) of a checked quantity, None where they were not handed over."""
    names = [str(label) for label in labels.get(item.group, ())]
    if item.group not in draws or item.label not in names:
        return None
    values = np.asarray(draws[item.group])
    return values.reshape(*values.shape[:2], -1)[..., names.index(item.label)]


def _energy(gate: "GateReport", energy: Array | None) -> Markup:
    if energy is None or not gate.bfmi or energy.shape[1] < 3 or not np.isfinite(energy).all() or np.ptp(energy) == 0:
        return Markup("")
    caption = (
        f"The two should be about equally wide; E-BFMI is {number(min(gate.bfmi))} at least. Worry below 0.3, "
        "where the change is much narrower: the chains then walk too slowly through the tails."
    )
    return join(
        [
            markup.heading("Energy"),
            markup.figures([markup.figure("Energy and its change", mcmc_plots.energy_plot(energy), caption)]),
        ]
    )


def _posterior_predictive(replicate: tuple[Array, Array] | None) -> Markup:
    if replicate is None:
        return Markup("")
    checks = predictive.check(*replicate)
    if not checks:
        return Markup("")
    odd = [item.name for item in checks if item.surprising]
    said = f"Worry about the {' and the '.join(odd)}." if odd else "Nothing here is out of the model's reach."
    picture = predictive.histogram_plot(*replicate, "Observed values over the band of replicated ones")
    caption = "The orange line should run inside the band. Where it leaves it, the model cannot make data like these."
    return join(
        [
            markup.heading("Posterior predictive check"),
            markup.paragraph(f"Data simulated from the fitted model, held against the data it was fitted to. {said}"),
            markup.figures([markup.figure("Observed and replicated", picture, caption)]),
            predictive.checks_table(checks),
        ]
    )


def _effects(estimands: Sequence["Estimand"]) -> Markup:
    pictures = [_forest(item) for item in estimands if len(item.labels)]
    if not pictures:
        return Markup("")
    lead = markup.paragraph(
        "What the posterior says: thick bars hold 50 %, thin ones 90 % of the probability. Bars that overlap widely "
        "cannot be told apart on these data."
    )
    return join([markup.heading("Largest effects"), lead, markup.figures(pictures)])


def _forest(item: "Estimand") -> Markup:
    quantiles = np.quantile(item.values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    middle = quantiles[2]
    kept = np.argsort(-np.abs(middle - np.median(middle)), kind="stable")[:MOST_EFFECTS]
    kept = kept[np.argsort(-middle[kept], kind="stable")]
    signed = bool((quantiles[0, kept] < 0).any() and (quantiles[4, kept] > 0).any())
    names = [str(item.labels[i]) for i in kept]
    svg = mcmc_plots.forest(names, quantiles[:, kept], item.group, item.unit, 0.0 if signed else None)
    left = len(item.labels) - len(kept)
    note = f"The {len(kept)} farthest from the middle of {len(item.labels)}." if left else f"All {len(kept)}."
    return markup.figure(item.group, svg, note)


def _all_checks(checks: Sequence["QuantityCheck"]) -> Markup:
    ordered = sorted(checks, key=lambda item: (item.passed, not item.published, -np.nan_to_num(item.rhat)))
    rows = [
        (
            item.group,
            *plots.shorten([item.label], 40),
            "yes" if item.published else "no",
            number(item.mean),
            number(item.sd),
            number(item.mcse, 2),
            _whole(item.ess_bulk),
            _whole(item.ess_tail),
            number(item.rhat, 4),
            number(item.rhat_limit, 4),
        )
        for item in ordered
    ]
    columns = ["group", "label", "published", "mean", "sd", "MCSE", "bulk ESS", "tail ESS", "R-hat", "limit"]
    kinds = ["" if item.passed else ("bad" if item.published else "warn") for item in ordered]
    title = f"All {len(rows):,} quantities checked, the worst first"
    table = markup.table(columns, rows, text=(0, 1, 2), kinds=kinds, fold_after=None)
    return markup.fold(title, table) if rows else table


def _chains(chains: Sequence[Mapping[str, Any]]) -> Markup:
    if not chains:
        return Markup("")
    known = [name for name in chains[0] if any(chain[name] not in ("", None) for chain in chains)]
    names = sorted(known, key=lambda name: name != "chain")
    if names == ["chain"]:
        return Markup("")  # independent draws have no history
    rows = [[chain[name] for name in names] for chain in chains]
    heads = [name.replace("_", " ") for name in names]
    return markup.fold(f"How the {len(rows)} chains ran", markup.table(heads, rows, text=(), fold_after=None))
