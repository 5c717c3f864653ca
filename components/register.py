"""The stage `register`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Markdown, Metrics, Output

from components.stage import stage


@stage
def register(
    run: str,
    job: str,
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
    summary: Output[Markdown],
    metrics: Output[Metrics],
    lineage: Output[HTML],
    report: Output[HTML],
) -> int:
    """Register the data product as a version with its full lineage, and write the report of the run.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
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
        summary: Verdicts, rows at the top, and where else to look, in a few lines.
        metrics: The figures that are registered with the version.
        lineage: What the version was made from, as a page.
        report: The whole run on one self-contained page.

    Returns:
        The number of the version.
    """
    from pathlib import Path

    from posterity.stages import execute

    tables = {"snapshot": snapshot, "clean": clean, "features": features, "product": product}
    others = {"plan": plan, "posterior": posterior, "scores": scores, "drift": drift}
    made_of = {name: Path(artifact.path) for name, artifact in {**tables, **others}.items()}
    inputs = {"model": model, "as_of": as_of, **made_of}
    pages = {"summary": summary.path, "report": lineage.path, "run_report": report.path}
    values = execute("register", run, job, inputs, {"version": version.path, **pages})
    for name, value in values["figures"].items():
        metrics.log_metric(name, value)
    version.metadata.update({name: values[name] for name in ("version", "product", "page") if values[name]})
    return int(values["number"])
