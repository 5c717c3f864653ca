"""`posterity demo`: a year of a model, month by month, in one picture."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.shared import Json, console, messages, print_json, print_rows, the_store
from posterity.errors import NotFoundError, SettingsError, UnavailableError
from posterity.runs import RunLog

REASON = "second month of the replay: its report was in order, later months are compared with it"
EXAMPLES = """Examples:

  posterity demo flights --from 2013-02-28 --to 2013-11-30

  posterity demo my_model.py:Sales --from 2026-02-28 --to 2026-08-31 --source sales.csv"""


def attach(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(epilog=EXAMPLES)(demo)


def demo(
    model: Annotated[str, typer.Argument(help="A model that predicts the next month.")],
    first: Annotated[str, typer.Option("--from", help="The first day up to which outcomes are known, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="The last one.")],
    source: Annotated[str, typer.Option(help="Where the raw data is; the model's own source if not given.")] = "",
    as_json: Json = False,
) -> None:
    """Replay a year month by month and draw it in one picture: product, what happened, coverage, drift.

    The second version is verified as the baseline in your name, unless there is one. A replay that was stopped goes
    on where it was; months that are done are not run again.
    """
    from pipelines.demo import as_rows, month_ends, periods
    from posterity.model.loading import load_model

    loaded = load_model(model)
    days = list(month_ends(_day("--from", first), _day("--to", last)))
    if not days:
        raise SettingsError(f"no month ends from {first} to {last}")
    months = []
    for day in days:
        months.append(_month(model, day, source, as_json))
        made = [month.version for month in months if month.version]
        if len(made) == 2:
            _verify(made[-1], as_json)
    found = periods(the_store(), loaded, months)
    files = _write(loaded, found)
    if as_json:
        print_json({"months": as_rows(found), **{name: str(path.absolute()) for name, path in files.items()}})
        return
    print_rows(as_rows(found), False)
    for name, path in files.items():
        console.print(f"[bold]{name:<8}[/] {path}", highlight=False, soft_wrap=True)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{option} {text!r} is not a day; write it as YYYY-MM-DD") from error


def _month(spec: str, day: date, source: str, quiet: bool) -> Any:
    """The run of one month, done before or now. Raises UnavailableError, so that a repetition goes on from here."""
    from pipelines.cli.run import launch, local_source
    from pipelines.demo import outcome
    from posterity.model.loading import absolute_spec, load_model

    log = RunLog(the_store(), f"demo-{load_model(spec).name}-{day}")
    parameters = {
        "model": absolute_spec(spec),
        "source": local_source(source),
        "as_of": day.isoformat(),
        "seed": 1,
        "chains": 4,
        "shards": "auto",
        "sampler": {},
    }
    if _is_done(log, parameters):
        messages.print(f"{log.run} is done", highlight=False)
    else:
        log, error = launch(log.run, parameters, cause="demo", quiet=quiet)
        if isinstance(error, UnavailableError):
            raise error
        if error:
            messages.print(f"[yellow]{day}:[/] {error}", highlight=False, soft_wrap=True)
    return outcome(log, day)


def _is_done(log: RunLog, parameters: dict[str, Any]) -> bool:
    try:
        return bool(log.facts()["parameters"] == parameters) and log.state() == "done"
    except NotFoundError:
        return False


def _verify(version: Any, quiet: bool) -> None:
    from posterity.registry import aliases
    from posterity.registry.identity import who

    store = the_store()
    if aliases.current(store, version.model, "baseline") is None:
        move = aliases.move(store, version.model, "baseline", version.number, who(), REASON)
        if not quiet:
            console.print(f"baseline: {version.label}, verified by {move.who}", highlight=False)


def _write(model: Any, found: Any) -> dict[str, Path]:
    """The page and the picture, under .posterity/reports."""
    from pipelines.cli.summary import REPORTS
    from posterity.report.history import history_section, picture
    from posterity.report.page import page

    quantity = model.quantities[0]
    shares = quantity.exposure is not None
    title = f"{model.name}: {quantity.name} ({quantity.unit})"
    REPORTS.mkdir(parents=True, exist_ok=True)
    files = {"report": REPORTS / f"demo-{model.name}.html", "picture": REPORTS / f"demo-{model.name}.svg"}
    span = {"from": found[0].as_of, "to": found[-1].as_of}
    files["report"].write_text(page(f"{model.name}, month by month", [history_section(found, title, shares)], span))
    files["picture"].write_bytes(picture(found, title, shares))
    return files
