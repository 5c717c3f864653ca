"""The stage `preprocess`."""

from kfp.dsl import HTML, Dataset, Input, Output

from components.stage import stage


@stage
def preprocess(
    run: str, job: str, model: str, snapshot: Input[Dataset], clean: Output[Dataset], report: Output[HTML]
) -> None:
    """Make the clean table; refused when more raw rows are lost than the model declares.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        snapshot: Reference to the snapshot.
        clean: Reference to the clean table.
        report: Rows kept and lost, as a page.
    """
    from pathlib import Path

    from posterity.stages import execute

    inputs = {"model": model, "snapshot": Path(snapshot.path)}
    execute("preprocess", run, job, inputs, {"clean": clean.path, "report": report.path})
