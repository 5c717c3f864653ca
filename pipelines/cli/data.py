"""Snapshots and feature tables: what there is, what differs."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.shared import Json, console, messages, print_facts, print_json, print_path, print_rows, the_store
from posterity.settings import Settings

Digest = Annotated[str, typer.Argument(help="The first digits of a digest.")]


def attach(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(
        epilog='Examples:\n\n  posterity erase 3fa94c --dry-run\n\n  posterity erase 3fa94c --reason "request 17"'
    )(erase)


data = typer.Typer(name="data", help="Snapshots of the raw data.", no_args_is_help=True)
features = typer.Typer(name="features", help="Feature tables and their definitions.", no_args_is_help=True)


@data.command("list", epilog="Examples:\n\n  posterity data list --json")
def list_data(as_json: Json = False) -> None:
    """List all snapshots: source, day, rows, whether quarantined."""
    from posterity.data import snapshot

    store = the_store()
    rows = []
    for digest in snapshot.digests(store):
        manifest = snapshot.read_manifest(store, digest)
        state = "quarantined" if snapshot.is_quarantined(store, digest) else "in order"
        facts = {"snapshot": digest[:12], "as of": manifest.as_of, "rows": manifest.rows, "state": state}
        rows.append({**facts, "source": manifest.source})
    print_rows(rows, as_json, empty="no snapshot yet; a run takes one")


@data.command(epilog="Examples:\n\n  posterity data show 3fa94c")
def show(snapshot: Digest, as_json: Json = False) -> None:
    """Show the manifest of a snapshot."""
    from posterity.data.snapshot import digest_of, find, read_manifest

    store = the_store()
    digest = digest_of(find(store, snapshot))
    print_facts({"snapshot": digest, **asdict(read_manifest(store, digest))}, as_json)


@data.command(epilog="Examples:\n\n  posterity data diff 3fa94c 81bb02")
def diff(before: Digest, now: Digest, as_json: Json = False) -> None:
    """Compare two snapshots: rows, columns, and how each column's distribution changed."""
    from posterity.data.difference import diff as compare
    from posterity.data.snapshot import digest_of, find, load, read_origin

    store = the_store()
    old, new = find(store, before), find(store, now)
    keys = read_origin(store, digest_of(new)).row_keys
    found = compare(load(store, old), load(store, new), keys)
    if as_json:
        print_json(found.to_dict())
        return
    counts = {"added": found.added, "removed": found.removed, "changed": found.changed}
    by_key = {name: f"{count:,}" if count is not None else "not known without a key" for name, count in counts.items()}
    columns = {"new columns": found.new_columns, "lost columns": found.lost_columns, "retyped": found.retyped}
    there = {name: value for name, value in columns.items() if value}
    print_facts({"rows": f"{found.rows[0]:,} before, {found.rows[1]:,} now", **by_key, **there}, False)
    print_rows([{"column": name, **_flat(asdict(change))} for name, change in found.columns.items()], False)


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in facts.items() if name != "before"}
    return {name.replace("_", " "): value[:5] if isinstance(value, tuple) else value for name, value in shown.items()}


@data.command(epilog="Examples:\n\n  posterity data export 3fa94c raw.csv")
def export(
    snapshot: Digest,
    to: Annotated[Path, typer.Argument(help="A .csv or .parquet file to write.")],
    as_json: Json = False,
) -> None:
    """Write the raw table of a snapshot to a file."""
    from posterity.data.snapshot import find, load
    from posterity.errors import SettingsError

    store = the_store()
    if to.suffix not in {".csv", ".parquet"}:
        raise SettingsError(f"{to} is neither .csv nor .parquet")
    if not to.parent.is_dir():
        raise SettingsError(f"the folder {to.parent} does not exist")
    table = load(store, find(store, snapshot))
    if to.suffix == ".csv":
        table.to_csv(to, index=False)
    else:
        table.to_parquet(to, index=False)
    print_path(to, as_json, rows=len(table))


def erase(
    snapshot: Digest,
    reason: Annotated[str, typer.Option(help="Why; kept with the tombstone.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be erased.")] = False,
    as_json: Json = False,
) -> None:
    """Erase a snapshot and what was derived from it alone, for good; a tombstone stays, and the records of versions.

    Rows in the SQL database, artifacts in MLflow, and what clients reported of these versions go as well. What left the
    store otherwise is out of reach: exports, files, pages kept by Kubeflow.
    """
    from posterity import erasure
    from posterity.registry import identity, tracking
    from posterity.release.flow import database_of

    store = the_store()
    found = erasure.prepare(store, snapshot)
    facts = {"snapshot": found.snapshot, "derived": found.places, "versions": [item.label for item in found.versions]}
    if dry_run:
        print_facts(facts, as_json)
        return
    stone = erasure.erase(store, found, identity.who(), reason)
    settings = Settings.from_environment()
    database = database_of(settings)
    rows = sum(database.erase(version) for version in found.gone) if database else 0
    mirrored = not found.versions or tracking.erase(settings, found.versions)
    if as_json:
        print_json({**facts, **asdict(stone), "database_rows": rows, "registry": mirrored})
        return
    there = {"database": f"{rows:,} rows of {database.name}, erased"} if database else {}
    print_facts({**facts, "derived": f"{len(found.places)} places, erased", **there}, as_json)
    console.print(str(stone), highlight=False, markup=False, soft_wrap=True)
    if not mirrored:
        messages.print("the registry did not answer; erase again when it does, to delete its copies", soft_wrap=True)


@features.command("list", epilog="Examples:\n\n  posterity features list")
def list_features(as_json: Json = False) -> None:
    """List feature tables with the definition that made them and the versions that use them."""
    print_rows(list(_feature_rows()), as_json, empty="no version uses a feature table yet")


@features.command("show", epilog="Examples:\n\n  posterity features show 81bb02")
def show_features(table: Digest, as_json: Json = False) -> None:
    """Show a feature table: its definition, rows, columns, and who uses it."""
    from posterity.errors import NotFoundError

    found = [row for row in _feature_rows(whole=True) if str(row["features"]).startswith(table)]
    if len(found) != 1:
        what = f"{len(found)} feature tables begin" if found else "no feature table begins"
        raise NotFoundError(f"{what} with {table!r}; see `posterity features list`")
    print_facts(found[0], as_json)


def _feature_rows(whole: bool = False) -> list[dict[str, object]]:
    from posterity.registry import versions

    store = the_store()
    rows: dict[str, dict[str, object]] = {}
    for model in versions.models(store):
        for version in versions.search(store, model):
            reference = version.references["features"]
            row = rows.setdefault(
                reference.sha256,
                {
                    "features": reference.sha256 if whole else reference.sha256[:12],
                    "set": reference.meta["feature_set"],
                    "definition": reference.meta["feature_version"] + " · " + reference.meta["definition"][:12],
                    "rows": reference.meta["rows"],
                    "columns": reference.meta["columns"] if whole else len(reference.meta["columns"]),
                    "used by": [],
                },
            )
            used = row["used by"]
            if isinstance(used, list):
                used.append(version.label)
    return list(rows.values())
