"""Look at runs and their results: `runs`, `results`, `report`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.shared import Json, console, messages, print_facts, print_path, print_rows, the_store
from posterity.errors import NotFoundError, UnavailableError
from posterity.runs import RunLog, list_runs

if TYPE_CHECKING:
    from pipelines.kubeflow.api import PipelineRun

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
        log = known_run(run)
        print_rows([_stage_row(record) for record in log.stages()], as_json, empty="no stage has begun")
        if not as_json:
            _print_backend(log)
        return
    backend = _backend_runs(last)
    known = list_runs(the_store(), last)
    rows = [_run_row(facts, backend.pop(facts.get("job", ""), None)) for facts in known]
    rows += [_unknown_row(found) for found in backend.values() if not _is_stored(found)]
    rows.sort(key=lambda row: str(row["started"]), reverse=True)
    print_rows(rows[:last], as_json, empty="no runs yet; start one with posterity run MODEL --as-of DATE")


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
    if store.size(f"runs/{name}/run.json") is None:  # the identifier of a run on a cluster, then
        name = next((str(facts["run"]) for facts in list_runs(store) if facts.get("job") == name), name)
    log = RunLog(store, name)
    log.facts()
    return log


def _backend_runs(last: int) -> "dict[str, PipelineRun]":
    """Our newest runs at Kubeflow Pipelines by their identifiers, none where the settings name no API."""
    from posterity.settings import Settings

    settings = Settings.from_environment()
    if not settings.api_endpoint:
        return {}
    from pipelines.kubeflow.api import PipelinesApi

    try:
        found = PipelinesApi.of(settings).runs(last)
    except UnavailableError as error:
        messages.print(f"[yellow]states are those of the store alone:[/] {error}", highlight=False, soft_wrap=True)
        return {}
    return {item.job: item for item in found if item.is_ours}


def _print_backend(log: RunLog) -> None:
    """Where a run on a cluster can be looked at, and what ails its pods."""
    facts = log.facts()
    if not facts.get("job"):
        return
    from pipelines.kubeflow.cluster import Cluster
    from posterity.settings import Settings

    console.print(f"pipeline run {facts['job']} {facts.get('link', '')}", highlight=False, soft_wrap=True)
    cluster = Cluster.of(Settings.from_environment())
    for trouble in cluster.troubles(facts["job"]) if cluster else ():
        console.print(str(trouble), style="yellow", markup=False, highlight=False, soft_wrap=True)


def _is_stored(found: "PipelineRun") -> bool:
    """Whether the store knows a run, one that is older than those that are listed."""
    return any(the_store().size(f"runs/{name}/run.json") is not None for name in (found.job, found.name))


def _unknown_row(found: "PipelineRun") -> dict[str, Any]:
    """A run of which no stage has begun yet, or none could."""
    known = {"run": found.name, "state": found.word, "started": _time(found.created), "pipeline run": found.job}
    order = ("run", "state", "gate", "drift", "version", "started", "cause", "pipeline run")
    return {name: known.get(name, "") for name in order}


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _run_row(facts: dict[str, Any], found: "PipelineRun | None") -> dict[str, Any]:
    log = RunLog(the_store(), facts["run"])
    values = {record.stage: record.values for record in log.stages()}
    state = log.state()
    if found:
        state = found.word if state == "not ended" or not found.is_over else state
    return {
        "run": facts["run"],
        "state": state,
        "gate": values.get("diagnose", {}).get("verdict", ""),
        "drift": values.get("detect_drift", {}).get("verdict", ""),
        "version": values.get("register", {}).get("version", ""),
        "started": _time(facts["created"]),
        "cause": facts["cause"],
        "pipeline run": facts.get("job", ""),
    }


def _stage_row(record: Any) -> dict[str, Any]:
    return {
        "stage": record.name,
        "status": record.status,
        "seconds": round(record.seconds, 1),
        "MiB": round(record.memory),
        "why": record.error.message if record.error else record.why,
    }
