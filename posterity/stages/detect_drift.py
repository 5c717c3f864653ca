"""Compare this run with the verified baseline."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from posterity.data.tables import load_table
from posterity.model.assumptions import failed_assumptions, to_inspect
from posterity.registry import aliases, versions
from posterity.registry.versions import Version
from posterity.report.drift import drift_section
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage
from posterity.stats.drift import DriftReport, Relation, Summary, climb, no_baseline
from posterity.stats.inputs import InputDrift, compare_columns
from posterity.store import digest_bytes
from posterity.store.digest import canonical_json
from posterity.store.reference import store_bytes


def work(context: Context) -> Result:
    """Climb the ladder as far as the data allow; without a baseline say how to verify one."""
    scores = json.loads(context.reference("scores").fetch(context.store))
    baseline = _baseline(context)
    if baseline is None:
        how = f'posterity baseline verify {context.model.name}/N --reason "…"'
        report = no_baseline(f"No baseline is verified yet; look at the report of a version and run {how}")
        return _result(context, report, (), scores, None, how)
    clean = load_table(context.store, context.reference("clean"))
    before = load_table(context.store, baseline.references["clean"])
    relation, rows_now = _relation(context, baseline, before, clean)
    old, new = (
        _summary(context, baseline.references["posterior"].meta),
        _summary(context, context.reference("posterior").meta),
    )
    report = climb(old, new, relation, _predictive(scores))
    inputs = compare_columns(_columns(before, context), _columns(rows_now, context))
    return _result(context, report, inputs, scores, baseline, "")


def _baseline(context: Context) -> Version | None:
    number = aliases.current(context.store, context.model.name, "baseline")
    return versions.get(context.store, f"{context.model.name}/{number}") if number else None


def _relation(
    context: Context, baseline: Version, before: pd.DataFrame, clean: pd.DataFrame
) -> tuple[Relation, pd.DataFrame]:
    """How the data of both are related, and the rows that are compared with the baseline's: those that arrived since.

    Nested means that every row the baseline was trained on is still there, unchanged.
    """
    same_plan = baseline.references["plan"].sha256 == context.reference("posterior").meta["plan"]
    if baseline.references["clean"].sha256 == context.reference("clean").sha256:
        return ("same" if same_plan else "rolling"), clean
    keys = list(context.model.row_keys)
    if not set(keys) <= set(clean) or not set(keys) <= set(before):
        return "rolling", clean
    known = before.dropna()
    merged = clean.merge(known, how="left", indicator="_origin")
    arrived = clean[(merged["_origin"] == "left_only").to_numpy()]
    return ("nested", arrived) if len(clean) - len(arrived) == len(known) else ("rolling", clean)


def _summary(context: Context, meta: Mapping[str, Any]) -> Summary:
    return Summary.from_dict(json.loads(context.store.get(meta["estimands"])))


def _predictive(scores: Mapping[str, Any]) -> list[str]:
    """The predictive rung: what the scores of the last product say against the model."""
    notes = [
        f"{share:.0%} of outcomes lay in the {level:.0%} intervals of {scores['version']} "
        f"(chance allows {low:.0%} to {high:.0%})"
        for level, share, low, high in scores.get("coverage", [])
        if not low <= share <= high
    ]
    return notes + [
        f"{scores['version']} scored worse than {row['rival']} ({row['metric']} {row['difference']:+.3g} "
        f"± {row['standard_error']:.2g})"
        for row in scores.get("comparisons", [])
        if row["verdict"] == "worse"
    ]


def _columns(table: pd.DataFrame, context: Context) -> dict[str, Any]:
    skipped = {*context.model.row_keys} - {*context.model.keys}
    return {str(name): table[name].to_numpy() for name in table if name not in skipped}


def measures(report: DriftReport, inputs: Sequence[InputDrift], scores: Mapping[str, Any]) -> dict[str, float]:
    """What the checks of a model's assumptions can refer to."""
    found: dict[str, float] = dict(scores["metrics"])
    for finding in report.findings:
        name = f"drift_z.{finding.group}"
        found[name] = max(found.get(name, 0.0), abs(finding.z))
    return found | {f"input_effect.{item.column}": item.effect for item in inputs}


def _result(
    context: Context,
    report: DriftReport,
    inputs: Sequence[InputDrift],
    scores: Mapping[str, Any],
    baseline: Version | None,
    how: str,
) -> Result:
    figures = measures(report, inputs, scores) | {"rhat_max": context.reference("posterior").meta["rhat_max"]}
    failed = failed_assumptions(context.model.assumptions, figures)
    drifted = [item.column for item in inputs if item.drifted]
    inspect = to_inspect(context.model.assumptions, figures, _moved(report, inputs))
    facts = {
        **report.to_dict(),
        "inputs": [item.to_dict() for item in inputs],
        "baseline": baseline.label if baseline else None,
        "assumptions": [assumption.name for assumption in failed],
    }
    data = canonical_json(_finite(facts))
    reference = store_bytes(
        context.store, f"drift/{digest_bytes(data)}.json", data, "drift", {"verdict": report.verdict}
    )
    summary = report.summary[0] if report.summary else f"nothing moved beyond what the data explain ({report.rung})"
    values = {
        "verdict": report.verdict,
        "summary": summary,
        "findings": list(report.summary),
        "inputs_drifted": drifted,
        "inspect": inspect,
    }
    section = drift_section(
        report,
        baseline=_facts(context, baseline),
        inputs=inputs,
        inspect=inspect,
        how_to_verify=how,
    )
    return Result({"drift": reference}, values, section)


def _moved(report: DriftReport, inputs: Sequence[InputDrift]) -> set[str]:
    """The measures of what drifted."""
    groups = {f"drift_z.{finding.group}" for finding in report.findings if finding.drifted}
    return groups | {f"input_effect.{item.column}" for item in inputs if item.drifted}


def _facts(context: Context, baseline: Version | None) -> dict[str, str]:
    if baseline is None:
        return {}
    verified = aliases.pointed(context.store, context.model.name, "baseline")
    by = f"{verified.who}, {verified.when[:10]}: {verified.why}" if verified else ""
    return {"baseline": f"{baseline.label}, as of {baseline.as_of}", "verified by": by}


def _finite(value: Any) -> Any:
    """JSON has no NaN: None in its place."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and value != value else value


def _depends(context: Context) -> Mapping[str, Any]:
    parse_day(context.inputs["as_of"])
    baseline = _baseline(context)
    return {"baseline": baseline.label if baseline else ""}


STAGE = Stage(work, uses=("assumptions", "row_keys", "keys", "name"), depends=_depends)
