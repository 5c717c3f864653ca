"""The stage `ingest`."""

from kfp.dsl import HTML, Dataset, Output

from components.stage import stage


@stage
def ingest(
    run: str,
    job: str,
    model: str,
    source: str,
    as_of: str,
    cause: str,
    snapshot: Output[Dataset],
    reported: Output[Dataset],
    report: Output[HTML],
) -> None:
    """Take an immutable, content-addressed snapshot of the raw data as it was known on a day.

    Args:
        run: Name of the run; empty for the identifier of the pipeline's run.
        job: Identifier of the pipeline's run, filled in by the backend.
        model: Name of an installed model, or path/file.py:Class.
        source: Where the raw data is; empty for the model's default source.
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        cause: What started the run, such as cron; for the record.
        snapshot: Reference to the snapshot and its manifest.
        reported: Reference to what servers were told about products whose period is over.
        report: What was read, as a page.
    """
    from posterity.stages import execute

    inputs = {"model": model, "source": source, "as_of": as_of}
    outputs = {"snapshot": snapshot.path, "reported": reported.path, "report": report.path}
    execute("ingest", run, job, inputs, outputs, cause)
