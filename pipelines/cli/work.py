"""Work on single parts: one stage again, a model's trial, a version again, and the state of the installation."""

import sys
import tempfile
from dataclasses import asdict, replace
from datetime import date
from typing import Annotated

import typer

from pipelines.cli.look import known_run
from pipelines.cli.shared import Json, console, messages, print_json, print_rows, the_store
from posterity.errors import ModelError, PosterityError, SettingsError


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(
        epilog="Examples:\n\n  posterity stage flights-2013-03-31-a1b2c3 diagnose --pdb\n\n"
        "  posterity stage coffee-2026-09-30-a1b2c3 predict --model coffee.py:Coffee"
    )(stage)
    app.command(
        epilog="Examples:\n\n  posterity test flights --as-of 2013-03-31\n\n"
        "  posterity test my_model.py:Sales --as-of 2026-09-30 --source sales.csv"
    )(test)
    app.command(epilog="Examples:\n\n  posterity reproduce flights/3")(reproduce)
    app.command(epilog="Examples:\n\n  posterity lineage flights/3 --json")(lineage)
    app.command(epilog="Examples:\n\n  posterity doctor")(doctor)


def stage(
    run: Annotated[str, typer.Argument(help="Name of a run.")],
    name: Annotated[str, typer.Argument(metavar="STAGE", help="A stage, or sample.0,1 for a shard.")],
    model: Annotated[
        str, typer.Option(help="Where the model is here, if not under the run's name for it: path/file.py:Class.")
    ] = "",
    pdb: Annotated[bool, typer.Option("--pdb", help="Open the debugger where it fails.")] = False,
    as_json: Json = False,
) -> None:
    """Do the work of one stage of a run again, here, on its recorded inputs. The run's records stay as they are.

    The run may have been one of a cluster, if POSTERITY_STORE is its store.
    """
    from posterity.model.loading import absolute_spec
    from posterity.settings import Settings
    from posterity.stages.runner import context_of, find_stage

    log = known_run(run)
    record = log.stage(name)
    if model:
        record = replace(record, inputs={**record.inputs, "model": absolute_spec(model)})
    context = context_of(log, record, Settings.from_environment())
    try:
        result = find_stage(record.stage).work(context)
        if result.error:
            raise result.error
    except Exception:
        if not pdb:
            raise
        import pdb as debugger

        debugger.post_mortem(sys.exc_info()[2])
        raise
    rows = [
        {"output": key, "recorded": record.outputs.get(key, {}).get("sha256", "")[:16], "now": reference.sha256[:16]}
        for key, reference in result.outputs.items()
    ]
    print_rows(rows, as_json, empty=f"{name} ran; it has no artifacts")


def test(
    model: Annotated[str, typer.Argument(help="Name of an installed model, or path/file.py:Class.")],
    as_of: Annotated[str, typer.Option(help="A day that there are data for, YYYY-MM-DD.")],
    source: Annotated[str, typer.Option(help="Where the raw data is; the model's own source if not given.")] = "",
    as_json: Json = False,
) -> None:
    """Try a model before its first run: contract, edge cases, robustness. Exit code 3 when a check fails."""
    from posterity.trial import try_model

    try:
        day = date.fromisoformat(as_of)
    except ValueError as error:
        raise SettingsError(f"--as-of {as_of!r} is not a day; write it as YYYY-MM-DD") from error
    trials = []
    for trial in try_model(model, source, day):
        trials.append(trial)
        if not as_json:
            mark = "[green]✓[/]" if trial.passed else "[red]✗[/]"
            console.print(f"{mark} {trial.name}", f"\n    {trial.message}" if trial.message else "", highlight=False)
    if as_json:
        print_json([{"check": trial.name, "passed": trial.passed, "message": trial.message} for trial in trials])
    failed = [trial for trial in trials if not trial.passed]
    if failed:
        raise ModelError(f"{model} fails {len(failed)} of {len(trials)} checks")


def reproduce(
    version: Annotated[str, typer.Argument(help="model/number or model@alias.")], as_json: Json = False
) -> None:
    """Make a version again from its snapshot, in an empty store, and compare every digest."""
    import os

    from pipelines.cli import again
    from pipelines.cli.run import launch
    from posterity.registry import versions
    from posterity.store import open_store

    store = the_store()
    found = versions.get(store, version)
    for difference in again.package_differences(found):
        messages.print(f"[yellow]differs:[/] {difference}", highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["POSTERITY_STORE"] = f"file://{folder}/store"
        os.environ["POSTERITY_REGISTRY"] = f"sqlite:///{folder}/registry.db"
        fresh = open_store(os.environ["POSTERITY_STORE"])
        source = again.copy_snapshot(found, store, fresh)
        parameters = {**found.parameters, "source": source, "model": again.model_of(store, found), "as_of": found.as_of}
        log, error = launch("reproduction", parameters, cause=f"reproduction of {found.label}", quiet=as_json)
        if error:
            raise error
        rows = list(again.digests_compared(found, log))
    print_rows(rows, as_json)
    if not all(row["same"] for row in rows):
        first = next(row["part"] for row in rows if not row["same"])
        raise PosterityError(f"{found.label} was not reproduced: {first} is the first part that differs")
    if not as_json:
        console.print(f"{found.label} is reproduced: every digest is the same")


def lineage(
    version: Annotated[str, typer.Argument(help="model/number, model@alias, or model.")], as_json: Json = False
) -> None:
    """Show what a version was made from, down to the snapshot and its source, or that this was erased."""
    from pipelines.cli import again
    from posterity.data.snapshot import digest_of, erased, read_manifest
    from posterity.lineage import graph
    from posterity.registry import versions

    store = the_store()
    found = versions.get(store, version)
    nodes, edges = graph(found)
    digest = digest_of(found.references["snapshot"])
    stone = erased(store, digest)
    if as_json:
        gone = {"erased": asdict(stone)} if stone else {}
        print_json({"nodes": nodes, "edges": edges, "reproducible": stone is None, **gone})
        return
    sources = {name: [source for source, target in edges if target == name] for name in (node["id"] for node in nodes)}
    order = ["source", "code", *again.COMPARED, "scores", "drift", "version"]
    nodes = sorted(nodes, key=lambda node: order.index(node["kind"]) if node["kind"] in order else len(order))
    rows = [{"part": node["kind"], "digest": node["detail"], "made of": sources[node["id"]]} for node in nodes]
    print_rows(rows, False, title=found.label)
    if stone:
        text = f"no longer reproducible: {stone}"
    else:
        manifest = read_manifest(store, digest)
        text = f"source: {manifest.source}, as known on {manifest.as_of}, {manifest.rows:,} rows"
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def doctor(as_json: Json = False) -> None:
    """Check the installation: settings, store, registry, models, compiled pipeline; say what to do about each fault."""
    from pipelines.doctor import examine

    rows = [
        {"check": item.name, "state": "in order" if item.well else "FAULT", "what": item.text} for item in examine()
    ]
    print_rows(rows, as_json)
    if any(row["state"] == "FAULT" for row in rows):
        raise SettingsError("something is not in order; the table says what to do")
