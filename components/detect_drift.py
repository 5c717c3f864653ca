"""The stage `detect_drift`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.stage import stage


@stage
def detect_drift(
    run: str,
    job: str,
    model: str,
    as_of: str,
    clean: Input[Dataset],
    posterior: Input[Artifact],
    scores: Input[Artifact],
    drift: Output[Artifact],
    report: Output[HTML],
) -> str:
    """Compare the posterior, the scores and the input with the verified baseline.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        clean: Reference to the clean table.
        posterior: Reference to the posterior.
        scores: Reference to the scores.
        drift: Reference to the drift report.
        report: What moved, by how much, and the assumptions to inspect, as a page.

    Returns:
        The verdict: stable, warn, drift or no-baseline.
    """
    from pathlib import Path

    from posterity.stages import execute

    inputs = {
        "model": model,
        "as_of": as_of,
        "clean": Path(clean.path),
        "posterior": Path(posterior.path),
        "scores": Path(scores.path),
    }
    return str(execute("detect_drift", run, job, inputs, {"drift": drift.path, "report": report.path})["verdict"])
