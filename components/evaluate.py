"""The stage `evaluate`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from components.stage import stage


@stage
def evaluate(
    run: str,
    job: str,
    model: str,
    as_of: str,
    clean: Input[Dataset],
    product: Input[Dataset],
    reported: Input[Dataset],
    scores: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
) -> None:
    """Score the previous data product on what has happened since, against the champion and plain baselines.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        clean: Reference to the clean table.
        product: Reference to the data product of this run.
        reported: Reference to what servers were told about earlier products.
        scores: Reference to the scores.
        metrics: CRPS, log score, coverage and the model's own metrics.
        report: Scores, calibration and comparison, as a page.
    """
    from pathlib import Path

    from posterity.stages import execute

    tables = {"clean": Path(clean.path), "product": Path(product.path), "reported": Path(reported.path)}
    inputs = {"model": model, "as_of": as_of, **tables}
    values = execute("evaluate", run, job, inputs, {"scores": scores.path, "report": report.path})
    for name, value in values["metrics"].items():
        metrics.log_metric(name, value)
