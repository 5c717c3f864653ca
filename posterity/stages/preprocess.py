"""Make the clean table."""

from posterity.data.snapshot import load
from posterity.data.tables import store_table
from posterity.errors import DataTestError
from posterity.report.data import preprocess_section
from posterity.stages.runner import Context, Result, Stage


def work(context: Context) -> Result:
    """Clean the raw table; refuse to lose more rows than the model declares."""
    raw = load(context.store, context.reference("snapshot"))
    clean = context.model.preprocess(raw)
    lost = 1 - len(clean) / len(raw)
    if lost > context.model.max_lost_share:
        raise DataTestError(
            f"preprocessing dropped {len(raw) - len(clean):,} of {len(raw):,} rows ({lost:.2%}), more than the "
            f"{context.model.max_lost_share:.2%} that model {context.model.name} declares (max_lost_share); "
            "look at what it drops, or declare more"
        )
    reference = store_table(context.store, clean, "clean")
    section = preprocess_section(len(raw), len(clean), list(raw.columns), list(clean.columns))
    return Result({"clean": reference}, section=section)


STAGE = Stage(work, uses=("preprocess", "max_lost_share"))
