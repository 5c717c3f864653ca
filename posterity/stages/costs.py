"""What sampling a model takes, measured by the runs before and by the stages of this one."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from posterity.runs import StageRecord
from posterity.sampling.cores import available_cores
from posterity.sampling.shards import Costs, Proposal, propose
from posterity.stages.runner import Context
from posterity.store import Reference

GRADIENTS_PER_STEP = 15  # a trajectory of four doublings, where no run has told yet
TIMED = 100  # evaluations
START = 5.0  # seconds to load and compile a density, where no run has told yet


def propose_shards(context: Context, chains: int, plan: Reference) -> Proposal:
    """How many shards should share the chains of `plan`."""
    if not os.environ.get("KFP_POD_NAME"):
        return Proposal(1, "All shards would share the cores of this machine, and threads do that better.")
    steps = sampled_steps(json.loads(plan.fetch(context.store)))
    if found := context.store.read(_key(context.model.name)):
        costs = _known(json.loads(found[0]), steps, _pod_seconds(context.log.stages()))
    elif plan.meta["model_kind"] == "mcmc":
        density = context.store.get(f"plans/{plan.meta['plan']}/density")
        costs = _estimated(density, steps, _pod_seconds(context.log.stages()))
    else:
        return Proposal(1, "No run has been measured yet, and independent draws are seldom worth a further pod.")
    return propose(costs, chains)


def _known(known: Mapping[str, Any], steps: int, pod: float) -> Costs:
    chain = known["chain"] * steps / known["steps"]
    return Costs(pod, known["start"], chain, known["cores"], f"measured by run {known['run']}")


def _estimated(density: bytes, steps: int, pod: float) -> Costs:
    seconds = _gradient_seconds(density)
    basis = f"estimated: a gradient takes {1e6 * seconds:.0f} µs here, and a step some {GRADIENTS_PER_STEP}"
    return Costs(pod, START, seconds * GRADIENTS_PER_STEP * steps, available_cores(), basis)


def remember(context: Context, model: str, begun: float, manifests: Sequence[dict[str, Any]], steps: int) -> None:
    """Keep what a shard took that began at `begun` (time.time) and sampled all its chains from their first step on."""
    if any(not manifest["sampled"] or manifest.get("resumed_from") for manifest in manifests):
        return
    ready = begun + max(manifest.get("ready", 0.0) for manifest in manifests)
    cores = available_cores()
    facts = {
        "run": context.log.run,
        "start": ready - context.log.stage(context.name).started,
        "chain": (time.time() - ready) / -(-len(manifests) // cores),
        "steps": steps,
        "cores": cores,
    }
    context.store.overwrite(_key(model), json.dumps(facts).encode())


def sampled_steps(plan: Mapping[str, Any]) -> int:
    """Steps of each chain (or draws of each batch) of a plan."""
    settings = plan.get("settings", plan)
    return int(settings["draws"]) + int(settings.get("warmup", 0))


def _pod_seconds(records: Sequence[StageRecord]) -> float:
    """The usual time between the end of a stage and the beginning of the next, of those that followed each other."""
    ordered = sorted(records, key=lambda record: record.started)
    gaps = [after.started - before.started - before.seconds for before, after in pairwise(ordered)]
    return median([gap for gap in gaps if gap > 0] or [0.0])


def _gradient_seconds(density: bytes) -> float:
    from posterity.sampling.density import Density

    loaded = Density.from_bytes(density)
    loaded.value_and_grad(loaded.initial)  # compiles
    begun = time.perf_counter()
    for _ in range(TIMED):
        loaded.value_and_grad(loaded.initial)
    return (time.perf_counter() - begun) / TIMED


def _key(model: str) -> str:
    return f"models/{model}/sampling.json"
