"""Hold a run of the old script against a run of the pipeline, stage by stage."""

from posterity.data.posterior import Posterior
from posterity.parity.fingerprint import compare_digest
from posterity.parity.moments import moments
from posterity.parity.posterior import compare_posteriors
from posterity.parity.product import ASSUMED_ESS, Pair, compare_final, compare_predictions, pair
from posterity.parity.report import ParityReport, StageParity, missing
from posterity.parity.sides import LegacyRun, PipelineRun
from posterity.parity.tables import compare_tables

LOOKED_AT = 25
LEVEL = 0.01
"""Probability that a stage of two right runs has a finding by chance."""


def compare(legacy: LegacyRun, pipeline: PipelineRun, level: float = LEVEL) -> ParityReport:
    """Compare whatever both runs have: raw, clean and features exactly, the rest within Monte Carlo error.

    level is the family-wise error rate of each Monte Carlo stage. Nothing is raised for what is not there or does not
    fit; the report lists it.
    """
    stages = [_table(name, legacy, pipeline) for name in ("raw", "clean", "features")]
    stages.append(_posterior(legacy, pipeline, level))
    stages += _product(legacy, pipeline, level)
    return ParityReport(legacy.name, pipeline.name, level, tuple(stages))


def _absent(stage: str, legacy: LegacyRun, pipeline: PipelineRun, there: tuple[bool, bool]) -> StageParity | None:
    """The stage as not compared, if one side does not have it."""
    kept = "predictions" if stage == "table" else stage
    reasons = [
        side.missing.get(kept, f"the {owner} has none")
        for side, owner, found in ((legacy, "legacy run", there[0]), (pipeline, "pipeline", there[1]))
        if not found
    ]
    return missing(stage, "; ".join(reasons)) if reasons else None


def _table(stage: str, legacy: LegacyRun, pipeline: PipelineRun) -> StageParity:
    there = stage in legacy.tables or stage in legacy.digests, stage in pipeline.tables
    if absent := _absent(stage, legacy, pipeline, there):
        return absent
    if stage not in legacy.tables:
        return compare_digest(stage, legacy.digests[stage], pipeline.tables[stage])
    names = legacy.names
    left = legacy.tables[stage].rename(columns=dict(names.columns.get(stage, {})))
    keys = names.keys.get(stage, () if stage == "features" else pipeline.row_keys)
    ignore, dtypes = names.ignore.get(stage, ()), names.dtypes.get(stage, ())
    return compare_tables(stage, left, pipeline.tables[stage], keys, ignore, dtypes)


def _posterior(legacy: LegacyRun, pipeline: PipelineRun, level: float) -> StageParity:
    if legacy.posterior is None or pipeline.posterior is None:
        there = legacy.posterior is not None, pipeline.posterior is not None
        return _absent("posterior", legacy, pipeline, there) or missing("posterior", "")
    return compare_posteriors(legacy.posterior, pipeline.posterior, level, legacy.names.parameters)


def _product(legacy: LegacyRun, pipeline: PipelineRun, level: float) -> list[StageParity]:
    stages = ("predictions", "table")
    if legacy.product is None or pipeline.product is None:
        there = legacy.product is not None, pipeline.product is not None
        return [_absent(stage, legacy, pipeline, there) or missing(stage, "") for stage in stages]
    names = legacy.names
    table = legacy.product.rename(columns=dict(names.columns.get("predictions", {})))
    table = table.drop(columns=[name for name in names.ignore.get("predictions", ()) if name in table.columns])
    keys = names.keys.get("predictions", pipeline.keys)
    ess, origin = effective_size(legacy)
    rows = pair(table, pipeline.product, keys, pipeline.exposures, ess)
    if not isinstance(rows, Pair):
        return [missing(stage, rows) for stage in stages]
    judged = [compare_predictions(rows, level), compare_final(rows, table, pipeline.product, level)]
    own = all(f"{quantity}_mcse" in table.columns for quantity in pipeline.exposures)
    note = "MCSE of the legacy predictions: " + ("their own column" if own else f"sd/√{ess:,.0f}, {origin}")
    return [StageParity(**{**vars(stage), "notes": (*stage.notes, note)}) for stage in judged]


def effective_size(legacy: LegacyRun) -> tuple[float, str]:
    """The ESS of the legacy run's predictions and where it is known from.

    As the map states it; else the median over its parameters (at most `LOOKED_AT` elements of each), which
    predictions mix, of the ESS of means or twice that of standard deviations, whichever is less, but no more than the
    draws where their number is known: antithetic draws say more of a mean than of a prediction, which is noisy. Else
    `ASSUMED_ESS`.
    """
    import numpy as np

    if legacy.names.ess:
        return legacy.names.ess, "as the map states"
    if legacy.posterior:
        found, draws = legacy.posterior, np.inf
        if isinstance(found, Posterior):
            draws = float(np.prod(found.shape))
            found = moments(_few(found), list(found.values))
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.minimum(np.square(found.sd / found.mcse_mean), np.square(found.sd / found.mcse_sd))
        if (known := sizes[np.isfinite(sizes)]).size:
            return min(float(np.median(known)), draws), "the median ESS of its parameters"
    return ASSUMED_ESS, "an assumption; the map's `ess` states a better one"


def _few(posterior: Posterior) -> Posterior:
    """The same with at most `LOOKED_AT` elements, evenly spaced, of each parameter."""
    flat = {name: value.reshape(*value.shape[:2], -1) for name, value in posterior.values.items()}
    few = {name: value[:, :, :: -(-value.shape[2] // LOOKED_AT)] for name, value in flat.items()}
    return Posterior(few, {}, posterior.chains)
