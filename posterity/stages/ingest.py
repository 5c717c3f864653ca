"""Take the snapshot that everything else is made from."""

from posterity.data.snapshot import take
from posterity.report.data import snapshot_section
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage


def work(context: Context) -> Result:
    """Read the source and store what it holds. Always reads: only the data themselves can say that they are the same."""
    source = context.inputs["source"] or context.model.default_source
    taken = take(context.store, context.model, source, parse_day(context.inputs["as_of"]), context.settings)
    reused = "" if taken.new else "the source holds the same data as before"
    return Result({"snapshot": taken.reference}, section=snapshot_section(taken.manifest), reused=reused)


STAGE = Stage(work, uses=("extract", "personal"), cached=False)
