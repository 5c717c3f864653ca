"""The stage `engineer_features`."""

from kfp.dsl import HTML, Dataset, Input, Output

from components.stage import stage


@stage
def engineer_features(
    run: str, job: str, model: str, clean: Input[Dataset], features: Output[Dataset], report: Output[HTML]
) -> None:
    """Make the feature table, once for all models that share its definition.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        clean: Reference to the clean table.
        features: Reference to the feature table.
        report: Distributions, missing values, association and change, as a page.
    """
    from pathlib import Path

    from posterity.stages import execute

    inputs = {"model": model, "clean": Path(clean.path)}
    execute("engineer_features", run, job, inputs, {"features": features.path, "report": report.path})
