"""Score the previous data product on what has happened since."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posterity.data.tables import load_table, to_parquet
from posterity.model.contract import Limit, Metric
from posterity.registry.versions import Version
from posterity.report.scoring import Comparison, Coverage, MetricRow, Scores, scoring_section
from posterity.reported import Reported
from posterity.scoring.past import champion_before, product_to_score
from posterity.scoring.products import Scored, score_product
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage
from posterity.store import Reference
from posterity.store.digest import canonical_json, digest_bytes
from posterity.store.reference import store_bytes

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "No earlier product's period is over yet, so there is nothing to score; the next run will."


def work(context: Context) -> Result:
    """Score the newest product whose period is over, and hold it against its rivals."""
    version = _scored_version(context)
    if version is None:
        reference = _store(context, {"version": None, "metrics": {}, "verdict": "", "comparisons": []})
        return Result({"scores": reference}, {"summary": NOTHING, "metrics": {}}, scoring_section(None, NOTHING))
    clean = load_table(context.store, context.reference("clean"))
    champion = _champion(context)
    told = context.reference("reported").fetch(context.store)
    reported = Reported.of(told, version.number, version.valid_from, version.valid_until)
    scored = score_product(context.store, context.model, clean, version, champion, reported)
    if scored is None:
        text = f"No outcome of the period of {version.label} has arrived."
        reference = _store(context, {"version": version.label, "metrics": {}, "verdict": "", "comparisons": []})
        return Result({"scores": reference}, {"summary": text, "metrics": {}}, scoring_section(None, text))
    section = scoring_section(_for_report(context.model.metrics, scored))
    values = {"summary": section.summary, "metrics": scored.metrics, "verdict": scored.verdict}
    return Result({"scores": _store(context, scored.to_dict(), scored.outcomes)}, values, section)


def _scored_version(context: Context) -> Version | None:
    return product_to_score(context.store, context.model.name, parse_day(context.inputs["as_of"]))


def _champion(context: Context) -> Version | None:
    return champion_before(context.store, context.model.name, parse_day(context.inputs["as_of"]))


def _store(context: Context, facts: Mapping[str, Any], outcomes: "pd.DataFrame | None" = None) -> Reference:
    """The scores, under a folder of their own, and beside them what happened by key."""
    table = None if outcomes is None else to_parquet(outcomes)
    data = canonical_json({**facts, "outcomes_sha256": digest_bytes(table) if table else ""})
    folder = f"scores/{digest_bytes(data)}"
    if table:
        context.store.put(f"{folder}/outcomes.parquet", table)
    return store_bytes(context.store, f"{folder}/scores.json", data, "scores")


def _depends(context: Context) -> Mapping[str, Any]:
    """The versions in the registry that the scores are about."""
    versions = {"scored version": _scored_version(context), "champion": _champion(context)}
    return {name: version.label if version else "" for name, version in versions.items()}


def _for_report(metrics: tuple[Metric, ...], scored: Scored) -> Scores:
    declared = {metric.name: metric for metric in metrics}
    return Scores(
        title=scored.title,
        metrics=[_metric_row(name, value, declared.get(name)) for name, value in scored.metrics.items()],
        coverage=[Coverage(*row) for row in scored.coverage],
        comparisons=[Comparison(**row) for row in scored.comparisons],
        pit=scored.pit,
        predicted=scored.predicted,
        observed=scored.observed,
        trials=scored.trials,
        unit=scored.unit,
        surprises=scored.surprises,
        notes=scored.notes,
    )


def _metric_row(name: str, value: float, metric: Metric | None) -> MetricRow:
    if metric is None:
        return MetricRow(name, value)
    limit = _in_words(metric.limit)
    holds = metric.limit.holds(value) if limit else None
    return MetricRow(name, value, metric.better, metric.unit, limit, holds, metric.description)


def _in_words(limit: Limit) -> str:
    parts = [f"at least {limit.at_least:g}" if limit.at_least is not None else ""]
    parts.append(f"at most {limit.at_most:g}" if limit.at_most is not None else "")
    return ", ".join(part for part in parts if part)


def read_scores(data: bytes) -> dict[str, Any]:
    """The scores that this stage stored."""
    return dict(json.loads(data))


STAGE = Stage(work, uses=("actuals", "score", "metrics", "quantities", "keys", "horizon", "name"), depends=_depends)
