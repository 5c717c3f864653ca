"""Look at runs and their results: `runs`, `results`, `report`."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.shared import Json, console, print_facts, print_path, print_rows, the_store
from posterity.errors import NotFoundError
from posterity.runs import RunLog, list_runs

Run = Annotated[str, typer.Argument(help="Name of a run; the newest if not given.")]


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Examples:\n\n  posterity runs --last 100\n\n  posterity runs flights-2013-03-31-a1b2c3 --json")(
        runs
    )
    app.command(epilog="Examples:\n\n  posterity results\n\n  posterity results flights-2013-03-31-a1b2c3")(results)
    app.command(epilog="Examples:\n\n  posterity report\n\n  posterity report RUN --to report.html")(report)


def runs(
    run: Annotated[str, typer.Argument(help="Name of a run, to see its stages.")] = "",
    last: Annotated[int, typer.Option(min=1, help="How many of the newest runs to list.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest runs, or the stages of one with times, whether each ran or was reused, and why."""
    if run:
        rows = [_stage_row(record) for record in known_run(run).stages()]
    else:
        rows = [_run_row(facts) for facts in list_runs(the_store(), last)]
    print_rows(rows, as_json, empty="no runs yet; start one with posterity run MODEL --as-of DATE")


def results(run: Run = "", as_json: Json = False) -> None:
    """Show the outcome of a run: rows on top, verdicts, version, report."""
    from pipelines.cli.summary import print_summary, summarise

    log = known_run(run)
    if as_json:
        print_facts(summarise(log), as_json)
    else:
        print_summary(log, console)


def report(
    run: Run = "",
    to: Annotated[Path | None, typer.Option(help="Write it to this file instead.")] = None,
    as_json: Json = False,
) -> None:
    """Write the report of a run as one self-contained HTML file and print its path."""
    from pipelines.cli.summary import write_report

    print_path(write_report(known_run(run), to), as_json)


def known_run(name: str) -> RunLog:
    """The run `name`, or the newest. Raises NotFoundError."""
    store = the_store()
    if not name:
        everything = list_runs(store, last=1)
        if not everything:
            raise NotFoundError(f"no runs in {store.url} yet; start one with posterity run MODEL --as-of DATE")
        name = everything[0]["run"]
    log = RunLog(store, name)
    log.facts()
    return log


def _run_row(facts: dict[str, Any]) -> dict[str, Any]:
    log = RunLog(the_store(), facts["run"])
    values = {record.stage: record.values for record in log.stages()}
    return {
        "run": facts["run"],
        "state": log.state(),
        "gate": values.get("diagnose", {}).get("verdict", ""),
        "drift": values.get("detect_drift", {}).get("verdict", ""),
        "version": values.get("register", {}).get("version", ""),
        "started": time.strftime("%Y-%m-%d %H:%M", time.localtime(facts["created"])),
        "cause": facts["cause"],
    }


def _stage_row(record: Any) -> dict[str, Any]:
    return {
        "stage": record.name,
        "status": record.status,
        "seconds": round(record.seconds, 1),
        "why": record.error.message if record.error else record.why,
    }
