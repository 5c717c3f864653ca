"""Take the snapshot that everything else is made from."""

from posterity.data.snapshot import digest_of, find, read_manifest, take
from posterity.report.data import snapshot_section
from posterity.reported import gather
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage

EXISTING = "snapshot:"


def work(context: Context) -> Result:
    """Read the source and store what it holds; `snapshot:DIGEST` takes one that is there. Beside it, gather what
    servers were told about products whose period is over.

    It always reads: only the data themselves can say that they are the same.
    """
    source, as_of = context.inputs["source"] or context.model.default_source, parse_day(context.inputs["as_of"])
    if source.startswith(EXISTING):
        snapshot = find(context.store, source.removeprefix(EXISTING))
        manifest = read_manifest(context.store, digest_of(snapshot))
        reused = "a snapshot was named as the source"
    else:
        taken = take(context.store, context.model, source, as_of, context.settings)
        snapshot, manifest = taken.reference, taken.manifest
        reused = "" if taken.new else "the source holds the same data as before"
    reported = gather(context.store, context.model.name, as_of)
    values = {"reported": reported.meta["rows"]}
    return Result({"snapshot": snapshot, "reported": reported}, values, snapshot_section(manifest), reused=reused)


STAGE = Stage(work, uses=("extract", "personal"), cached=False)
