"""`posterity run`: one model, once, on this machine."""

import os
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.shared import Json, console, print_json
from pipelines.cli.summary import print_summary, summarise
from posterity.errors import PosterityError, SettingsError, UnavailableError
from posterity.runs import RunLog

EXAMPLES = """Examples:

  posterity run flights --as-of 2013-03-31

  posterity run flights --as-of 2013-04-30 --like flights/1

  posterity run my_model.py:Sales --as-of 2026-09-30 --source sales.csv --chains 8 --shards 2

  posterity run flights --as-of 2013-03-31 --source models/flights/bad/truncated.csv"""


def attach(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(epilog=EXAMPLES)(run)


def run(
    model: Annotated[str, typer.Argument(help="Name of an installed model, or path/file.py:Class.")],
    as_of: Annotated[str, typer.Option(help="The day up to which outcomes are known, YYYY-MM-DD.")] = "",
    source: Annotated[str, typer.Option(help="Where the raw data is; the model's own source if not given.")] = "",
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    shards: Annotated[str, typer.Option(help="Processes that share the chains, or auto.")] = "auto",
    draws: Annotated[int | None, typer.Option(help="Draws per chain after warm-up.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Warm-up steps per chain.")] = None,
    target_accept: Annotated[float | None, typer.Option(help="Target acceptance probability of the sampler.")] = None,
    seed: Annotated[int, typer.Option(help="Root seed of all chains.")] = 1,
    like: Annotated[str, typer.Option(help="Take code, settings and seed from this version, e.g. flights/3.")] = "",
    name: Annotated[str, typer.Option(help="Name of the run; made from model, day and time if not given.")] = "",
    as_json: Json = False,
) -> None:
    """Run MODEL from raw data to a registered data product, showing each stage.

    What an earlier run has done already is taken from the store: a second run of the same plan samples nothing.
    """
    from posterity.model.loading import absolute_spec

    given = {"draws": draws, "warmup": warmup, "target_accept": target_accept}
    parameters: dict[str, Any] = {
        "model": absolute_spec(model),
        "source": _absolute_source(source),
        "as_of": _day(as_of),
        "seed": seed,
        "chains": chains,
        "shards": shards,
        "sampler": {key: value for key, value in given.items() if value is not None},
    }
    if like:
        parameters = _like(like, parameters)
    log = launch(name or run_id(model, parameters["as_of"]), parameters, quiet=as_json)
    if as_json:
        print_json(summarise(log))
    else:
        print_summary(log, console)


def launch(run: str, parameters: dict[str, Any], cause: str = "by hand", quiet: bool = False) -> RunLog:
    """Run the compiled pipeline here and show it. Raises the error of the stage that failed."""
    from pipelines.display import follow
    from pipelines.local import start
    from posterity.model.loading import load_model

    load_model(parameters["model"])  # an unknown model is refused before anything starts
    local = start(run, parameters, cause)
    try:
        if quiet:
            local.process.wait()
        else:
            console.print(f"run [bold]{run}[/]")
            follow(local, console)
    except KeyboardInterrupt:
        local.stop()
        console.print(f"stopped; [bold]posterity run[/] with the same settings goes on where run {run} was")
        sys.exit(130)
    _raise_failure(local.log, local.process.returncode, local.log_file)
    return local.log


def _raise_failure(log: RunLog, status: int | None, log_file: Path) -> None:
    failed = log.failure
    if failed and failed.error:
        from posterity import errors

        kind = getattr(errors, failed.error.kind, None)
        if kind is None:
            sys.stderr.write(failed.error.trace)
            raise PosterityError(f"stage {failed.name} of run {log.run} failed: {failed.error.message}")
        raise kind(f"stage {failed.name}: {failed.error.message}")
    if status:
        tail = "\n".join(log_file.read_text(errors="replace").splitlines()[-15:])
        raise UnavailableError(
            f"run {log.run} ended with status {status} outside its stages; {log_file} ends with\n{tail}"
        )


def run_id(model: str, as_of: str) -> str:
    """A name for a run that sorts by model and day and is not used yet."""
    stem = model.rpartition(":")[2].lower() if ".py:" in model else model
    return f"{stem}-{as_of}-{os.urandom(3).hex()}"


def _day(as_of: str) -> str:
    try:
        return date.fromisoformat(as_of).isoformat() if as_of else date.today().isoformat()
    except ValueError as error:
        raise SettingsError(f"--as-of {as_of!r} is not a day; write it as YYYY-MM-DD") from error


def _absolute_source(source: str) -> str:
    """A path to something here as an absolute one, since stages may run in other folders."""
    return str(Path(source).resolve()) if source and "://" not in source and Path(source).exists() else source


def _like(reference: str, parameters: dict[str, Any]) -> dict[str, Any]:
    from pipelines.cli.again import as_in_version

    parameters, differences = as_in_version(reference, parameters)
    for difference in differences:
        console.print(f"[yellow]differs from {reference}:[/] {difference}")
    return parameters
