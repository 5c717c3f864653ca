"""The stage `check_data`."""

from kfp.dsl import HTML, Dataset, Input, Metrics, Output

from components.stage import stage


@stage
def check_data(
    run: str, job: str, model: str, as_of: str, snapshot: Input[Dataset], metrics: Output[Metrics], report: Output[HTML]
) -> None:
    """Run the model's data tests on the snapshot; a snapshot that fails is quarantined and the run stops.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        snapshot: Reference to the snapshot.
        metrics: Number of tests, share of tests passed.
        report: Every test with counts and examples of what failed, as a page.
    """
    from pathlib import Path

    from posterity.stages import execute

    inputs = {"model": model, "as_of": as_of, "snapshot": Path(snapshot.path)}
    values = execute("check_data", run, job, inputs, {"report": report.path})
    for name, value in values.items():
        metrics.log_metric(name, value)
