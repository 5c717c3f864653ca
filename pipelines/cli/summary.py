"""What a person wants to know at the end of a run."""

import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from posterity.runs import RunLog, StageRecord

REPORTS = Path(".posterity") / "reports"


def summarise(log: RunLog) -> dict[str, Any]:
    """The outcome of a run as plain data: verdicts, version, the rows on top, where the report is."""
    stages = {record.stage: record for record in log.stages()}
    values = {name: record.values for name, record in stages.items()}
    failed = log.failure
    error = failed.error if failed else None
    why = {"stage": failed.name, "kind": error.kind, "message": error.message} if failed and error else None
    return {
        "run": log.run,
        "state": log.state(),
        "error": why,
        "gate": values.get("diagnose", {}).get("verdict"),
        "gate_figures": values.get("diagnose", {}).get("metrics", {}),
        "sampled": _sampled(log.stages()),
        "drift": values.get("detect_drift", {}).get("verdict"),
        "drift_summary": values.get("detect_drift", {}).get("summary", ""),
        "comparison": values.get("evaluate", {}).get("summary", ""),
        "version": values.get("register", {}).get("version"),
        "unscorable": values.get("register", {}).get("unscorable", ""),
        "top": values.get("predict", {}).get("top", []),
        "rows": values.get("predict", {}).get("rows"),
        "stages": {record.name: {"status": record.status, "seconds": record.seconds} for record in log.stages()},
        "report": str(write_report(log).absolute()),
    }


def write_report(log: RunLog, to: Path | None = None) -> Path:
    """Put the run's report into a file, by default one of its own under .posterity/reports, and return its path."""
    from posterity.stages.pages import run_page

    path = to or REPORTS / f"{log.run}.html"
    if not to:
        path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(run_page(log))
    return path


def print_failure(log: RunLog, console: Console) -> None:
    """Where the report of a run that failed is, for it names what failed."""
    if log.failure:
        console.print(f"report of the run: {write_report(log)}", markup=False, highlight=False, soft_wrap=True)


def print_summary(log: RunLog, console: Console) -> None:
    """Print the rows on top with their intervals, then verdicts, version and report."""
    facts = summarise(log)
    console.print()
    if facts["top"]:
        console.print(_table(facts["top"], facts["rows"]))
        console.print()
    figures = ", ".join(f"{name} {value:.4g}" for name, value in facts["gate_figures"].items())
    lines: dict[str, Any] = {
        "sampling": facts["sampled"],
        "gate": f"{facts['gate']} ({figures})" if facts["gate"] else "not reached",
        "scores": facts["comparison"] or "not reached",
        "drift": f"{facts['drift']}: {facts['drift_summary']}" if facts["drift"] else "not reached",
        "version": facts["version"] or "none registered",
        "report": os.path.relpath(facts["report"]),
    }
    if facts["unscorable"]:
        lines["infer"] = f"servers cannot score new keys with {facts['version']}: {facts['unscorable']}"
    lines = {"state": facts["state"]} | lines if facts["state"] != "done" else lines
    for name, text in lines.items():
        console.print(f"[bold]{name:<9}[/]", end="")
        console.print(str(text), markup=False, soft_wrap=True)


def _sampled(records: list[StageRecord]) -> str:
    """What was sampled now, and that nothing was where all of it was in the store."""
    shards = [record for record in records if record.stage == "sample"]
    chains = sum(record.values.get("chains", 0) for record in shards)
    sampled = sum(record.values.get("sampled", 0) for record in shards if record.status == "ran")
    if not shards:
        return "not reached"
    if not sampled:
        return f"nothing sampled: all {chains} chains were in the store"
    gradients = sum(record.values.get("gradients_now", 0) for record in shards if record.status == "ran")
    effort = f", {gradients:,} gradient evaluations" if gradients else ""
    return f"{sampled} of {chains} chains sampled in {len(shards)} shard(s){effort}"


def _table(rows: list[dict[str, Any]], total: int) -> Table:
    table = Table(title=f"the {len(rows)} of {total} at the top", box=None, header_style="bold", title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="right" if isinstance(rows[0][name], float | int) else "left")
    for row in rows:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    return table
