"""A run in a few lines of Markdown, for the dashboard."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from posterity.runs import RunLog, StageRecord


def run_summary(log: RunLog) -> str:
    """What came of a run, from whatever its stages have left so far: verdicts, version, rows on top, where to look."""
    records = log.stages()
    facts = log.facts()
    values = {record.stage: record.values for record in records if not record.part}
    parameters = log.parameters()
    name = str(parameters.get("model", log.run)).rpartition(":")[2]
    parts = [
        f"# {name} as of {parameters.get('as_of', '')}",
        _outcome(log, values),
        _table(("", ""), _verdicts(values)),
        _top(values.get("predict", {})),
        _places(log, facts, values, records),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _outcome(log: RunLog, values: Mapping[str, Mapping[str, Any]]) -> str:
    failed = log.failure
    if failed and failed.error:
        return f"**Stopped in `{failed.name}`:** {_inline(failed.error.message)}"
    version = values.get("register", {}).get("version")
    return f"**Registered as `{version}`.**" if version else "**No version is registered.**"


def _verdicts(values: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    gate, drift = values.get("diagnose", {}), values.get("detect_drift", {})
    if gate.get("verdict"):
        figures = ", ".join(f"{name} {value:.4g}" for name, value in gate.get("metrics", {}).items())
        yield "gate", f"**{gate['verdict']}** ({figures})"
    if summary := values.get("evaluate", {}).get("summary"):
        yield "scores", str(summary)
    if drift.get("verdict"):
        yield "drift", f"**{drift['verdict']}**: {drift.get('summary', '')}"


def _top(values: Mapping[str, Any]) -> str:
    rows: Sequence[Mapping[str, Any]] = values.get("top", [])
    if not rows:
        return ""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in rows]
    return f"## The {len(rows)} of {values.get('rows')} at the top\n\n{_table(tuple(rows[0]), cells)}"


def _places(
    log: RunLog, facts: Mapping[str, Any], values: Mapping[str, Mapping[str, Any]], records: Sequence[StageRecord]
) -> str:
    """Where else this run can be looked at."""
    registered = values.get("register", {})
    product = next((record.outputs.get("product") for record in records if record.stage == "predict"), None)
    again = f"posterity stage {log.run} {log.failure.name}" if log.failure else f"posterity results {log.run}"
    lines = {
        "run": f"`{log.run}`, {facts['cause']}"
        + (f", [in the dashboard]({facts['link']})" if facts.get("link") else ""),
        "data product": f"`{log.store.url}/{product['key']}`, SHA-256 `{product['sha256'][:16]}`" if product else "",
        "in MLflow": f"[{registered['version']}]({registered['page']})" if registered.get("page") else "",
        "on the command line": f"`{again}`",
    }
    return "## Where to look\n\n" + "\n".join(f"- {name}: {text}" for name, text in lines.items() if text)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(map(_inline, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}", *lines]) if lines else ""


def _inline(text: str) -> str:
    """Text in one line that breaks no table."""
    return " ".join(str(text).split()).replace("|", "\\|")
