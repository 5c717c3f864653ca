"""Turn the model into something that any shard can sample from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from posterity.data.tables import load_table
from posterity.errors import DataTestError, ModelError, SettingsError
from posterity.model.contract import Array, MCMCModel, Model, MonteCarloModel
from posterity.model.definition import definition_digest
from posterity.model.draws import Draws
from posterity.report.prior import prior_section
from posterity.sampling import direct
from posterity.stages.costs import propose_shards
from posterity.stages.inputs import parse_day, share_out
from posterity.stages.runner import Context, Result, Stage
from posterity.store import Reference, digest_bytes, digest_json
from posterity.store.digest import canonical_json
from posterity.store.reference import store_bytes

PRIOR_DRAWS = 200
DRAWS = 1000
BUILDS = ("build", "fit", "draw", "dims", "sampler")


def work(context: Context) -> Result:
    """Plan the sampling, and look at what the model says before it has seen the data."""
    features = load_table(context.store, context.reference("features"))
    clean = load_table(context.store, context.reference("clean"))
    targets = context.model.targets(clean, parse_day(context.inputs["as_of"]))
    refuse_unseen(context.model, features, targets)
    chains = int(context.inputs["chains"])
    wanted = parse_shards(str(context.inputs["shards"]), chains)
    settings = sampler_settings(context.model, context.inputs["sampler"])
    if isinstance(context.model, MCMCModel):
        reference, prior = _plan_chains(context, context.model, features, settings)
    elif isinstance(context.model, MonteCarloModel):
        reference, prior = _plan_batches(context, context.model, features, settings), None
    proposal = None
    if wanted is None:
        proposal = propose_shards(context, chains, reference)
        wanted = proposal.shards
    shards = share_out(chains, wanted)
    facts = {**_facts(reference), "chains": chains, "shards": len(shards), "seed": context.inputs["seed"]}
    pictures = _prior_pictures(context.model, prior, features, targets)
    section = prior_section(facts, proposal=proposal, **pictures)
    return Result({"plan": reference}, {"shards": shards, "plan": reference.meta["plan"]}, section)


def parse_shards(text: str, chains: int) -> int | None:
    """The number of shards that was asked for, None where the plan is to propose it. Raises SettingsError."""
    if text == "auto":
        share_out(chains, 1)
        return None
    try:
        return len(share_out(chains, int(text)))
    except ValueError as error:
        raise SettingsError(f"shards={text!r} is neither a number nor auto; choose 1 to {chains}, or auto") from error


def sampler_settings(model: Model, given: Mapping[str, float]) -> dict[str, float]:
    """What the model declares for its sampler, with what the run asks for."""
    return {**model.sampler, **given}


def refuse_unseen(model: Model, features: pd.DataFrame, targets: pd.DataFrame) -> None:
    """Raise DataTestError where the targets hold a category that is neither trained on nor ruled for."""
    for column in sorted(set(map(str, targets)) & set(map(str, features))):
        is_category = not pd.api.types.is_numeric_dtype(features[column])
        if is_category and model.unseen.get(column, "refuse") == "refuse":
            new = sorted(set(targets[column]) - set(features[column]))
            if new:
                raise DataTestError(
                    f"column {column} of the targets holds {', '.join(map(repr, new[:3]))}, which training has not "
                    f"seen, and model {model.name} has no rule for it; declare unseen = {{{column!r}: 'population'}} "
                    "and predict from the group's prior, or correct the data"
                )


def _plan_chains(
    context: Context, model: MCMCModel, features: pd.DataFrame, settings: Mapping[str, float]
) -> tuple[Reference, Draws | None]:
    from posterity.sampling.export import export_density
    from posterity.sampling.plan import Plan, SamplerSettings
    from posterity.sampling.prior import prior_draws

    built = model.build(features)
    density = export_density(built)
    data = density.to_bytes()
    plan = Plan.of(
        model_code=definition_digest(model, BUILDS),
        features=context.reference("features").sha256,
        density=digest_bytes(data),
        settings=SamplerSettings.from_mapping(settings),
        seed=int(context.inputs["seed"]),
    )
    context.store.put(f"plans/{plan.digest}/density", data)
    facts = {"model": model.name, "model_kind": model.kind, "plan": plan.digest, "dimensions": density.dimension}
    reference = store_bytes(context.store, f"plans/{plan.digest}/plan.json", plan.to_json(), "plan", facts)
    try:
        return reference, prior_draws(built, PRIOR_DRAWS, int(context.inputs["seed"]))
    except ModelError:
        return reference, None  # an improper prior can be sampled from with data, but not looked at without


def _plan_batches(
    context: Context, model: MonteCarloModel, features: pd.DataFrame, settings: Mapping[str, float]
) -> Reference:
    fitted = direct.to_bytes(dict(model.fit(features)))
    facts = {
        "kind": model.kind,
        "model_code": definition_digest(model, BUILDS),
        "features": context.reference("features").sha256,
        "density": digest_bytes(fitted),
        "draws": _draws(settings),
        "seed": int(context.inputs["seed"]),
        "versions": {"numpy": np.__version__},
    }
    digest = digest_json(facts)
    context.store.put(f"plans/{digest}/density", fitted)
    meta = {"model": model.name, "model_kind": model.kind, "plan": digest}
    return store_bytes(context.store, f"plans/{digest}/plan.json", canonical_json(facts), "plan", meta)


def _draws(settings: Mapping[str, float]) -> int:
    """Draws per batch. Raises SettingsError on other settings, which mean nothing to independent draws."""
    unknown = sorted(set(settings) - {"draws"})
    draws = int(settings.get("draws", DRAWS))
    if unknown or draws < 1:
        raise SettingsError(
            f"sampler settings {dict(settings)}: independent draws have one setting, draws, of at least 1"
        )
    return draws


def _facts(reference: Reference) -> dict[str, Any]:
    return {"plan": reference.meta["plan"][:16], **{k: v for k, v in reference.meta.items() if k != "plan"}}


def _prior_pictures(model: Model, prior: Draws | None, features: pd.DataFrame, targets: pd.DataFrame) -> dict[str, Any]:
    """What the prior says of the published quantities, of the data, and of scalar parameters."""
    if prior is None:
        return {}
    predicted: Mapping[str, Array] = model.predict(prior, targets.head(200)) if len(targets) else {}
    return {
        "replicate": model.replicate(prior, features, np.random.default_rng(1)),
        "predicted": predicted,
        "quantities": model.quantities,
        "parameters": {name: value for name, value in prior.values.items() if value.ndim == 1},
    }


STAGE = Stage(work, uses=(*BUILDS, "predict", "replicate", "targets", "unseen", "quantities"))
