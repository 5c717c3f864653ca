"""Merge the chains of all shards, judge them, and refuse to go on unless they converged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from posterity.data.posterior import Posterior
from posterity.data.tables import load_table
from posterity.errors import CorruptError, GateError
from posterity.model.contract import Array, Estimand, Model, MonteCarloModel
from posterity.report.sampling import sampling_section
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage
from posterity.stats.drift import Summary
from posterity.stats.gate import GateReport, GateSettings, judge
from posterity.store import Reference, digest_bytes, digest_json
from posterity.store.digest import canonical_json

LOOKED_AT = 500  # rows of the product that the gate judges, evenly spaced
REPLICATES = 200


@dataclass(frozen=True)
class Published:
    """What the gate judges first: group → (chains, draws, n) with the labels of the last axis."""

    values: dict[str, Array]
    labels: dict[str, list[str]]
    estimands: Sequence[Estimand]


def work(context: Context) -> Result:
    """Judge the posterior; on `fail` and `extend` the run stops, with the report kept."""
    posterior, manifests = merge(context)
    published = publish(context, posterior)
    parameters = {name: values for name, values in _flat(posterior).items() if name not in published.values}
    labels = {**_parameter_labels(posterior), **published.labels}
    stats = posterior.stats
    diverging = np.asarray(stats["diverging"], dtype=bool) if "diverging" in stats else None
    energy = np.asarray(stats["energy"], dtype=float) if "energy" in stats else None
    settings = GateSettings(divergence_budget=context.model.divergence_budget)
    report = judge(published.values, parameters, labels, diverging, energy, settings)
    section = sampling_section(
        report,
        {**published.values, **parameters},
        labels,
        energy=energy,
        divergent=diverging,
        estimands=published.estimands,
        replicate=_replicate(context, posterior),
        chains=[_shown(manifest) for manifest in manifests],
    )
    figures = {"rhat_max": report.rhat_max, "ess_min": report.ess_min, "divergences": report.divergences}
    figures |= {"bfmi_min": min(report.bfmi)} if report.bfmi else {}
    values = {"verdict": report.verdict, "reasons": list(report.reasons), "metrics": figures}
    if report.verdict != "pass":
        return Result(values=values, section=section, error=_refusal(report))
    return Result({"posterior": _store(context, posterior, published, report, figures)}, values, section)


def merge(context: Context) -> tuple[Posterior, list[dict[str, Any]]]:
    """The draws of all shards as one posterior: one plan, no chain missing, none twice.

    Raises CorruptError naming what does not fit.
    """
    digest = context.reference("plan").meta["plan"]
    listed = [json.loads(part.fetch(context.store)) for part in context.inputs["draws"]]
    foreign = {part["plan"] for part in listed} - {digest}
    if foreign:
        raise CorruptError(f"draws of plan {foreign.pop()[:12]} were given to plan {digest[:12]}; run `sample` again")
    manifests = sorted((chain for part in listed for chain in part["chains"]), key=lambda chain: chain["chain"])
    chains = [int(chain["chain"]) for chain in manifests]
    if chains != list(range(len(chains))):
        raise CorruptError(
            f"plan {digest[:12]} has the chains {chains}: one is missing or there twice; run `sample` again"
        )
    plan = json.loads(context.reference("plan").fetch(context.store))
    if isinstance(context.model, MonteCarloModel):
        return _from_batches(context, context.model, digest, manifests, plan["seed"]), manifests
    return _from_chains(context, digest, chains, plan["seed"]), manifests


def _from_batches(
    context: Context, model: MonteCarloModel, plan: str, manifests: list[dict[str, Any]], seed: int
) -> Posterior:
    from posterity.sampling import direct

    values = direct.assemble_batches(context.store, plan, manifests)
    fitted = direct.from_bytes(context.store.get(f"plans/{plan}/density"))
    dims = dict(model.dims())
    coords = {axis: [str(label) for label in fitted[axis]] for axes in dims.values() for axis in axes}
    return Posterior(values, {}, [manifest["chain"] for manifest in manifests], dims, coords, seed)


def _from_chains(context: Context, plan: str, chains: list[int], seed: int) -> Posterior:
    from posterity.sampling.assembly import assemble
    from posterity.sampling.density import Density

    density = Density.from_bytes(context.store.get(f"plans/{plan}/density"))
    found = assemble(context.store, plan, chains)
    return Posterior(found.values, found.stats, chains, density.dims, density.coords, seed)


def publish(context: Context, posterior: Posterior) -> Published:
    """The predictions of (at most 500) rows of the product and all estimands, with the chains kept apart."""
    model, draws = context.model, posterior.draws()
    targets = model.targets(load_table(context.store, context.reference("clean")), parse_day(context.inputs["as_of"]))
    rows = targets.iloc[np.unique(np.linspace(0, len(targets) - 1, LOOKED_AT).astype(int))].reset_index(drop=True)
    names = [" ".join(map(str, key)) for key in rows[list(model.keys)].itertuples(index=False)]
    values = {name: _by_chain(value, posterior) for name, value in model.predict(draws, rows).items()}
    labels = dict.fromkeys(values, names)
    estimands = model.estimands(draws)
    for estimand in estimands:
        values[estimand.group] = _by_chain(estimand.values, posterior)
        labels[estimand.group] = list(estimand.labels)
    return Published(values, labels, estimands)


def _by_chain(values: Array, posterior: Posterior) -> Array:
    """(draws, n) of all chains together → (chains, draws, n)."""
    return np.asarray(values, dtype=float).reshape(*posterior.shape, -1)


def _flat(posterior: Posterior) -> dict[str, Array]:
    """Parameters with their own axes as one."""
    return {name: value.reshape(*posterior.shape, -1) for name, value in posterior.values.items()}


def _parameter_labels(posterior: Posterior) -> dict[str, list[str]]:
    labels = {}
    for name, value in posterior.values.items():
        axes = [posterior.coords.get(axis) for axis in posterior.dims.get(name, ())]
        if len(axes) == value.ndim - 2 == 1 and axes[0]:
            labels[name] = list(axes[0])
        else:
            shape = value.shape[2:]
            labels[name] = [",".join(map(str, index)) for index in np.ndindex(shape)] if shape else [""]
    return labels


def _replicate(context: Context, posterior: Posterior) -> tuple[Array, Array] | None:
    features: pd.DataFrame = load_table(context.store, context.reference("features"))
    model: Model = context.model
    return model.replicate(posterior.draws().thin(REPLICATES), features, np.random.default_rng(posterior.seed))


def _refusal(report: GateReport) -> GateError:
    reasons = "; ".join(report.reasons)
    if report.verdict == "extend":
        total = report.chains + report.further_chains
        return GateError(
            f"the posterior needs more draws: {reasons}. Run again with --chains {total}; the {report.chains} chains "
            "there are kept and not sampled again"
        )
    return GateError(f"the posterior did not converge: {reasons}. Nothing is published")


def _store(
    context: Context, posterior: Posterior, published: Published, report: GateReport, figures: Mapping[str, float]
) -> Reference:
    """The posterior, its verdict and the summary of its estimands under posteriors/<digest>/."""
    plan = context.reference("plan")
    digest = digest_json({"plan": plan.meta["plan"], "chains": list(posterior.chains)})
    base = f"posteriors/{digest}"
    data = posterior.to_netcdf()
    context.store.put(f"{base}/posterior.nc", data)
    context.store.put(f"{base}/gate.json", json.dumps(report.to_dict()).encode())
    summary = canonical_json(estimand_summary(published, report).to_dict())
    key = f"{base}/estimands-{digest_bytes(summary)[:16]}.json"
    context.store.put(key, summary)
    known = {name: value for name, value in figures.items() if value == value}
    facts = {"plan": plan.sha256, "verdict": report.verdict, "rhat_max": known.get("rhat_max", 1.0), "metrics": known}
    return Reference(f"{base}/posterior.nc", digest_bytes(data), "posterior", {"estimands": key, **facts})


def estimand_summary(published: Published, report: GateReport) -> Summary:
    """Mean, sd and MCSE of every estimand as the gate found them, for later runs to be compared with."""
    judged = {(check.group, check.label): check for check in report.checks}
    columns: dict[str, list[Any]] = {name: [] for name in Summary.__dataclass_fields__}
    for estimand in published.estimands:
        found = [judged[(estimand.group, label)] for label in estimand.labels]
        columns["groups"] += [estimand.group] * len(found)
        columns["labels"] += list(estimand.labels)
        columns["units"] += [estimand.unit] * len(found)
        columns["mean"] += [check.mean for check in found]
        columns["sd"] += [check.sd for check in found]
        columns["mcse"] += [0.0 if np.isnan(check.mcse) else check.mcse for check in found]
        columns["materiality"] += [estimand.materiality] * len(found)
    return Summary.from_dict(columns)


def _shown(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a chain that a person reads: figures, pod and attempt, but no digests."""
    return {
        name: value
        for name, value in manifest.items()
        if isinstance(value, int | float | str) and name not in {"plan", "sha256"}
    }


STAGE = Stage(
    work,
    uses=("predict", "estimands", "replicate", "targets", "keys", "quantities", "dims", "divergence_budget"),
)
