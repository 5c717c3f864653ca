"""What the store holds of a run or version, in the form in which it is compared with a legacy run."""

from collections.abc import Mapping

from posterity.data.posterior import Posterior
from posterity.data.product import load_product
from posterity.data.snapshot import digest_of, load, read_origin
from posterity.data.tables import load_table
from posterity.errors import NotFoundError
from posterity.parity import PipelineRun
from posterity.registry import versions
from posterity.runs import RunLog
from posterity.store import ObjectStore, Reference


def load_pipeline_run(store: ObjectStore, name: str) -> PipelineRun:
    """Raw, clean and feature table, posterior and product of the run or version `name`, as far as they exist.

    Raises NotFoundError when there is neither, CorruptError when bytes were changed.
    """
    parts, owner = _parts(store, name)
    tables = {"raw": load(store, parts["snapshot"])} if "snapshot" in parts else {}
    tables |= {stage: load_table(store, parts[stage]) for stage in ("clean", "features") if stage in parts}
    made = load_product(store, parts["product"]) if "product" in parts else None
    kept = {"raw": "snapshot", "posterior": "posterior", "predictions": "product"}
    stages = ("raw", "clean", "features", "posterior", "predictions")
    return PipelineRun(
        name=owner,
        tables=tables,
        posterior=Posterior.from_netcdf(parts["posterior"].fetch(store)) if "posterior" in parts else None,
        product=made.predictions if made else None,
        row_keys=read_origin(store, digest_of(parts["snapshot"])).row_keys if "snapshot" in parts else (),
        keys=made.facts.keys if made else (),
        exposures={quantity.name: quantity.exposure for quantity in made.facts.quantities} if made else {},
        missing={stage: f"{owner} did not get that far" for stage in stages if kept.get(stage, stage) not in parts},
    )


def _parts(store: ObjectStore, name: str) -> tuple[Mapping[str, Reference], str]:
    """What a version was made of, or what the stages of a run made; and how it is called."""
    log = RunLog(store, name)
    if "/" not in name and "@" not in name and (records := log.stages()):
        made = {key: record.output(key) for record in records for key in record.outputs if not record.part}
        return made, f"run {name}"
    try:
        version = versions.get(store, name)
    except NotFoundError as error:
        raise NotFoundError(f"{name!r} is neither a run (posterity runs) nor a version: {error}") from error
    return version.references, version.label
