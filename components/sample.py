"""The stage `sample`."""

from kfp.dsl import Artifact, Input, Output

from components.stage import stage


@stage
def sample(run: str, job: str, model: str, shard: str, plan: Input[Artifact], draws: Output[Artifact]) -> None:
    """Sample the chains of one shard; what is already in the store is never sampled again.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        shard: The chains to sample, separated by commas.
        plan: Reference to the plan.
        draws: Reference to the list of finished chains.
    """
    from pathlib import Path

    from posterity.stages import execute

    execute("sample", run, job, {"model": model, "shard": shard, "plan": Path(plan.path)}, {"draws": draws.path})
