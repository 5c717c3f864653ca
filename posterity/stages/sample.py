"""Sample the chains of one shard. Imports neither PyMC nor pandas: a shard holds only what it needs.

Chains need the plan alone, which has the exported density; the model's package is not even imported. Direct draws are
made by the model's own `draw`.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, cast

from posterity.model.contract import MonteCarloModel
from posterity.sampling.cores import available_cores
from posterity.stages.costs import remember, sampled_steps
from posterity.stages.inputs import parse_shard
from posterity.stages.runner import Context, Result, Stage
from posterity.store import digest_bytes
from posterity.store.digest import canonical_json
from posterity.store.reference import store_bytes

PASSING = ("sampled", "gradients_now", "ready")  # facts of this call, not of the chain


def work(context: Context) -> Result:
    """Sample what is not in the store yet, and list the chains."""
    chains = parse_shard(str(context.inputs["shard"]))
    reference = context.reference("plan")
    facts = json.loads(reference.fetch(context.store))
    digest = reference.meta["plan"]
    density = context.store.get(f"plans/{digest}/density")
    begun = time.time()
    if reference.meta["model_kind"] == MonteCarloModel.kind:
        manifests = _draw(context, digest, facts, density, chains)
    else:
        manifests = _sample(context, reference.fetch(context.store), density, chains)
    remember(context, reference.meta["model"], begun, manifests, sampled_steps(facts))
    lasting = [{name: value for name, value in manifest.items() if name not in PASSING} for manifest in manifests]
    data = canonical_json({"plan": digest, "chains": lasting})
    listed = store_bytes(context.store, f"plans/{digest}/shards/{digest_bytes(data)}.json", data, "draws")
    gradients = sum(int(manifest.get("gradients_now", 0)) for manifest in manifests)
    sampled = sum(bool(manifest["sampled"]) for manifest in manifests)
    return Result({"draws": listed}, {"chains": len(chains), "sampled": sampled, "gradients_now": gradients})


def _draw(
    context: Context, plan: str, facts: Mapping[str, Any], fitted: bytes, chains: list[int]
) -> list[dict[str, Any]]:
    from posterity.sampling import direct

    model = cast(MonteCarloModel, context.model)
    arrays = direct.from_bytes(fitted)
    return direct.draw_batches(context.store, plan, model, arrays, chains, facts["draws"], facts["seed"])


def _sample(context: Context, plan: bytes, density: bytes, chains: list[int]) -> list[dict[str, Any]]:
    from posterity.sampling.density import Density
    from posterity.sampling.plan import Plan
    from posterity.sampling.shard import run_shard

    threads = min(len(chains), available_cores())
    manifests = run_shard(
        context.store,
        Plan.from_json(plan),
        Density.from_bytes(density),
        chains,
        report=lambda progress: context.progress(chains=progress),
        threads=threads,
    )
    return [dict(manifest) for manifest in manifests]


STAGE = Stage(work)  # the plan names the code of `draw`
