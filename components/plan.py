"""The stage `plan`."""

from typing import Dict, List  # noqa: UP035 (kfp reads these annotations)

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.stage import stage


@stage
def plan(
    run: str,
    job: str,
    model: str,
    as_of: str,
    seed: int,
    chains: int,
    shards: str,
    sampler: Dict[str, float],  # noqa: UP006
    clean: Input[Dataset],
    features: Input[Dataset],
    plan: Output[Artifact],
    report: Output[HTML],
) -> List[str]:  # noqa: UP006
    """Turn the model into a plan that any shard can sample from, and share its chains out.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        seed: Root seed of all chains.
        chains: Number of chains.
        shards: Number of pods that share the chains, or auto.
        sampler: Settings that differ from the model's (draws, warmup, target_accept, …).
        clean: Reference to the clean table.
        features: Reference to the feature table.
        plan: Reference to the plan with the exported log density (or the fitted distribution).
        report: Prior predictive check and settings, as a page.

    Returns:
        One string per shard: its chains, separated by commas.
    """
    from pathlib import Path

    from posterity.stages import execute

    inputs = {
        "model": model,
        "as_of": as_of,
        "seed": seed,
        "chains": chains,
        "shards": shards,
        "sampler": sampler,
        "clean": Path(clean.path),
        "features": Path(features.path),
    }
    return list(execute("plan", run, job, inputs, {"plan": plan.path, "report": report.path})["shards"])
