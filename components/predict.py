"""The stage `predict`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.stage import stage


@stage
def predict(
    run: str,
    job: str,
    model: str,
    as_of: str,
    clean: Input[Dataset],
    posterior: Input[Artifact],
    product: Output[Dataset],
    report: Output[HTML],
) -> None:
    """Publish the data product: one row per key with mean, sd, MCSE and quantiles.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        clean: Reference to the clean table.
        posterior: Reference to the posterior.
        product: Reference to the data product.
        report: The rows at the top of the table with their intervals, as a page.
    """
    from pathlib import Path

    from posterity.stages import execute

    inputs = {"model": model, "as_of": as_of, "clean": Path(clean.path), "posterior": Path(posterior.path)}
    execute("predict", run, job, inputs, {"product": product.path, "report": report.path})
