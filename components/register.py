"""The stage `register`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.stage import stage


@stage
def register(
    run: str,
    model: str,
    as_of: str,
    snapshot: Input[Dataset],
    clean: Input[Dataset],
    features: Input[Dataset],
    plan: Input[Artifact],
    posterior: Input[Artifact],
    product: Input[Dataset],
    scores: Input[Artifact],
    drift: Input[Artifact],
    version: Output[Artifact],
    report: Output[HTML],
) -> int:
    """Register the data product as a version with its full lineage, and write the report of the run.

    Args:
        run: Name of the run and identifier of the pipeline job, separated by a bar.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        snapshot: Reference to the snapshot.
        clean: Reference to the clean table.
        features: Reference to the feature table.
        plan: Reference to the plan.
        posterior: Reference to the posterior.
        product: Reference to the data product.
        scores: Reference to the scores.
        drift: Reference to the drift report.
        version: Reference to the registered version.
        report: The whole run on one self-contained page.

    Returns:
        The number of the version.
    """
    from pathlib import Path

    from posterity.stages import execute

    inputs = {
        "model": model,
        "as_of": as_of,
        "snapshot": Path(snapshot.path),
        "clean": Path(clean.path),
        "features": Path(features.path),
        "plan": Path(plan.path),
        "posterior": Path(posterior.path),
        "product": Path(product.path),
        "scores": Path(scores.path),
        "drift": Path(drift.path),
    }
    return int(execute("register", run, inputs, {"version": version.path, "report": report.path})["number"])
