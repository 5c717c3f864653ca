"""The stage `diagnose`."""

from typing import List  # noqa: UP035 (kfp reads these annotations)

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from components.stage import stage


@stage
def diagnose(
    run: str,
    job: str,
    model: str,
    as_of: str,
    clean: Input[Dataset],
    features: Input[Dataset],
    plan: Input[Artifact],
    draws: Input[List[Artifact]],  # noqa: UP006
    posterior: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
) -> None:
    """Merge the chains of all shards and refuse to go on unless they converged.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        clean: Reference to the clean table.
        features: Reference to the feature table.
        plan: Reference to the plan.
        draws: References to the finished chains of all shards.
        posterior: Reference to the posterior (ArviZ InferenceData).
        metrics: Largest R-hat, smallest ESS, divergences, E-BFMI.
        report: Verdict with rank, trace, energy and posterior predictive plots, as a page.
    """
    from pathlib import Path

    from posterity.stages import execute

    inputs = {
        "model": model,
        "as_of": as_of,
        "clean": Path(clean.path),
        "features": Path(features.path),
        "plan": Path(plan.path),
        "draws": [Path(part.path) for part in draws],
    }
    values = execute("diagnose", run, job, inputs, {"posterior": posterior.path, "report": report.path})
    for name, value in values["metrics"].items():
        metrics.log_metric(name, value)
