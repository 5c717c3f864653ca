"""The stage `notify`, the exit handler of the pipeline."""

from kfp.dsl import Markdown, Output, PipelineTaskFinalStatus

from components.stage import stage


@stage
def notify(
    run: str, job: str, model: str, as_of: str, cause: str, status: PipelineTaskFinalStatus, summary: Output[Markdown]
) -> None:
    """Alert the developers when the run failed, needs more draws or found drift; always runs.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        cause: What started the run, such as cron; for the record.
        status: How the pipeline ended (filled in by the backend).
        summary: What came of the run, or what stopped it, in a few lines.
    """
    from posterity.stages import execute

    execute(
        "notify", run, job, {"model": model, "as_of": as_of, "state": status.state}, {"summary": summary.path}, cause
    )
