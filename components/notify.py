"""The stage `notify`, the exit handler of the pipeline."""

from kfp.dsl import PipelineTaskFinalStatus

from components.stage import stage


@stage
def notify(run: str, model: str, as_of: str, status: PipelineTaskFinalStatus) -> None:
    """Alert the developers when the run failed, needs more draws or found drift; always runs.

    Args:
        run: Name of the run and identifier of the pipeline job, separated by a bar.
        model: Name of an installed model, or path/file.py:Class.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        status: How the pipeline ended (filled in by the backend).
    """
    from posterity.stages import execute

    execute("notify", run, {"model": model, "as_of": as_of, "state": status.state}, {})
