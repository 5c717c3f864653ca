"""Take the snapshot that everything else is made from."""

from posterity.data.snapshot import digest_of, find, read_manifest, take
from posterity.report.data import snapshot_section
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage

EXISTING = "snapshot:"


def work(context: Context) -> Result:
    """Read the source and store what it holds; `snapshot:DIGEST` takes one that is there.

    It always reads: only the data themselves can say that they are the same.
    """
    source = context.inputs["source"] or context.model.default_source
    if source.startswith(EXISTING):
        return _existing(context, source.removeprefix(EXISTING))
    taken = take(context.store, context.model, source, parse_day(context.inputs["as_of"]), context.settings)
    reused = "" if taken.new else "the source holds the same data as before"
    return Result({"snapshot": taken.reference}, section=snapshot_section(taken.manifest), reused=reused)


def _existing(context: Context, digest: str) -> Result:
    reference = find(context.store, digest)
    manifest = read_manifest(context.store, digest_of(reference))
    return Result(
        {"snapshot": reference}, section=snapshot_section(manifest), reused="a snapshot was named as the source"
    )


STAGE = Stage(work, uses=("extract", "personal"), cached=False)
