"""`posterity run`: one model, once, on this machine."""

import os
import re
import signal
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from pipelines.cli.shared import Json, console, messages, print_json
from pipelines.cli.summary import print_failure, print_summary, summarise
from pipelines.failure import stage_failure
from pipelines.local import LocalRun
from posterity.errors import PosterityError, SettingsError, UnavailableError
from posterity.runs import RunLog

EXAMPLES = """Examples:

  posterity run flights --as-of 2013-03-31

  posterity run --like flights/1 --as-of 2013-04-30

  posterity run my_model.py:Sales --as-of 2026-09-30 --source sales.csv --chains 8 --shards 2

  posterity run flights --as-of 2013-03-31 --source models/flights/bad/truncated.csv"""
LONGEST_PERIOD = 800  # days that are looked back for a period that is over
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
STOPPING = (signal.SIGTERM, signal.SIGHUP)
KEPT = ("chains", "shards", "draws", "warmup", "target_accept", "seed")  # what --like decides


def attach(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(epilog=EXAMPLES)(run)


def run(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Name of an installed model, or path/file.py:Class.")] = "",
    as_of: Annotated[str, typer.Option(help="The day up to which outcomes are known, YYYY-MM-DD; else today.")] = "",
    source: Annotated[str, typer.Option(help="Where the raw data is; the model's own source if not given.")] = "",
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    shards: Annotated[str, typer.Option(help="Processes that share the chains, or auto.")] = "auto",
    draws: Annotated[int | None, typer.Option(help="Draws per chain after warm-up.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Warm-up steps per chain.")] = None,
    target_accept: Annotated[float | None, typer.Option(help="Target acceptance probability of the sampler.")] = None,
    seed: Annotated[int, typer.Option(help="Root seed of all chains.")] = 1,
    like: Annotated[str, typer.Option(help="Take model, code, settings and seed from this version: flights/3.")] = "",
    backtest: Annotated[
        bool,
        typer.Option("--backtest", help="First run one period back, so that a fit is scored on the period held out."),
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the run; made from model, day and a number if not given.")] = "",
    as_json: Json = False,
) -> None:
    """Run MODEL from raw data to a registered data product, showing each stage.

    What an earlier run has done already is taken from the store: a second run of the same plan samples nothing.
    """
    from posterity.model.loading import absolute_spec

    if not model and not like:
        raise SettingsError("name a model (or a version with --like); posterity run --help has examples")
    given = {"draws": draws, "warmup": warmup, "target_accept": target_accept}
    parameters: dict[str, Any] = {
        "model": absolute_spec(model),
        "source": local_source(source),
        "as_of": day_of(as_of),
        "seed": seed,
        "chains": chains,
        "shards": shards,
        "sampler": {key: value for key, value in given.items() if value is not None},
    }
    if like:
        _refuse_both(context)
        parameters, differences = _like(like, parameters)
    if backtest:
        _one_period_back(parameters, quiet=as_json)
    log, error = launch(run_name(name, parameters), parameters, quiet=as_json)
    if like and not error:
        differences += _schema_differences(like, log)
    released = "" if error else _release(log)
    if as_json:
        print_json(summarise(log) | {"release": released} | ({"differences": differences} if like else {}))
    elif not error:
        print_summary(log, console)
        if released:
            console.print("[bold]release[/]  ", end="")
            console.print(released, highlight=False, markup=False, soft_wrap=True)
    else:
        print_failure(log, messages)
    if error:
        raise error


def _release(log: RunLog) -> str:
    """Try what a run has registered in staging; what came of it in words, empty for what was registered before."""
    from pipelines.cli.release import step_forward
    from posterity.registry import versions
    from posterity.settings import Settings

    record = log.stage("register")
    if record.status != "ran" or Settings.from_environment().release == "off":
        return ""
    version = versions.get(log.store, str(record.values["version"]))
    try:
        return step_forward(log.store, version, log.run)[1]
    except PosterityError as error:  # the run itself is as it should be
        return f"not tried in staging: {error}; posterity promote {version.label} staging tries again"


def _one_period_back(parameters: dict[str, Any], quiet: bool) -> None:
    """Run as of the last day whose predictions are over by now. Raises what that run fails with."""
    from posterity.model.loading import load_model

    model, now = load_model(parameters["model"]), date.fromisoformat(parameters["as_of"])
    days = (now - timedelta(days=back) for back in range(1, LONGEST_PERIOD))
    earlier = next((day for day in days if model.horizon(day).valid_until <= now), None)
    if earlier is None:
        raise SettingsError(f"no period of model {model.name} ends by {now}, so there is none to hold out")
    held_out = {**parameters, "as_of": earlier.isoformat()}
    _, error = launch(run_name("", held_out), held_out, cause="back-test", quiet=quiet)
    if error:
        raise error


def launch(
    run: str, parameters: dict[str, Any], cause: str = "by hand", quiet: bool = False
) -> tuple[RunLog, PosterityError | None]:
    """Run the compiled pipeline here and show it; the error is that of the stage that failed, if one did."""
    from pipelines.display import follow
    from pipelines.local import start
    from posterity.model.loading import load_model

    load_model(parameters["model"])  # an unknown model is refused before anything starts
    heeded = [number for number in STOPPING if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores one
    before = {number: signal.signal(number, _interrupt) for number in heeded}
    local = start(run, parameters, cause)
    try:
        if quiet:
            local.process.wait()
        else:
            console.print(f"run [bold]{run}[/]", highlight=False)
            follow(local, console)
    except KeyboardInterrupt:
        local.stop()
        messages.print(f"stopped; posterity run with the same settings goes on where run {run} was", soft_wrap=True)
        sys.exit(130)
    except BaseException:
        local.stop()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if local.process.returncode:
        local.stop()  # a stage outlives an orchestrator that was killed
    return local.log, _failure(local)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _failure(local: LocalRun) -> PosterityError | None:
    """Why a run that has ended did not end well."""
    if error := stage_failure(local.log):
        return error
    if not local.process.returncode:
        return None
    killed = next((record.name for record in local.log.stages() if record.status == "running"), None)
    output = f"Its output is in {local.log_file}"
    if killed or local.process.returncode < 0:
        what = f"stage {killed} was killed before it could say why (memory used up?)" if killed else "it was killed"
        return UnavailableError(f"run {local.log.run}: {what}; the same command goes on where it was. {output}")
    last = _last_error(local.log_file.read_text(errors="replace"))
    return PosterityError(f"run {local.log.run} ended outside its stages{last}. {output}")


def _last_error(text: str) -> str:
    """The last line of a log that names an exception."""
    found = [line for line in re.findall(r"\w+(?:Error|Exception): .*", text) if "Inner task failed" not in line]
    return f": {found[-1].rstrip('.')}" if found else ""


def run_id(model: str, as_of: str) -> str:
    """A name for a run that sorts by model and day and is not used yet."""
    stem = model.rpartition(":")[2].lower() if ".py:" in model else model
    return f"{stem}-{as_of}-{os.urandom(3).hex()}"


def run_name(name: str, parameters: dict[str, Any]) -> str:
    """The name that was given, if it is one, or a new one. Raises SettingsError."""
    if name and not NAME.fullmatch(name):
        raise SettingsError(f"--name {name!r} is no name of a run; use letters, digits, dots and hyphens")
    return name or run_id(parameters["model"], parameters["as_of"])


def day_of(as_of: str) -> str:
    """The day that was given, or today. Raises SettingsError."""
    try:
        return date.fromisoformat(as_of).isoformat() if as_of else date.today().isoformat()
    except ValueError as error:
        raise SettingsError(f"--as-of {as_of!r} is not a day; write it as YYYY-MM-DD") from error


def local_source(source: str) -> str:
    """A path to something here as an absolute one, since stages may run in other folders."""
    return str(Path(source).resolve()) if source and "://" not in source and Path(source).exists() else source


def _refuse_both(context: typer.Context) -> None:
    sources = {name: context.get_parameter_source(name) for name in KEPT}
    if both := [
        f"--{name.replace('_', '-')}" for name, source in sources.items() if source and source.name == "COMMANDLINE"
    ]:
        raise SettingsError(f"--like takes what {', '.join(both)} says from the version; leave one of the two out")


def _like(reference: str, parameters: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    from pipelines.cli.again import as_in_version

    parameters, differences = as_in_version(reference, parameters)
    for difference in differences:
        messages.print(f"[yellow]differs from {reference}:[/] {difference}", soft_wrap=True, highlight=False)
    return parameters, differences


def _schema_differences(reference: str, log: RunLog) -> list[str]:
    from pipelines.cli.again import schema_differences
    from posterity.registry import versions

    differences = schema_differences(versions.get(log.store, reference), log)
    for difference in differences:
        messages.print(f"[yellow]differs from {reference}:[/] {difference}", soft_wrap=True, highlight=False)
    return differences
