"""Snapshots and feature tables: what there is, what differs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.shared import Json, console, print_facts, print_rows, the_store

if TYPE_CHECKING:
    import pandas as pd

Digest = Annotated[str, typer.Argument(help="The first digits of a digest.")]

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
    from dataclasses import asdict

    from posterity.data.snapshot import digest_of, find, read_manifest

    store = the_store()
    digest = digest_of(find(store, snapshot))
    print_facts({"snapshot": digest, **asdict(read_manifest(store, digest))}, as_json)


@data.command(epilog="Examples:\n\n  posterity data diff 3fa94c 81bb02")
def diff(before: Digest, now: Digest, as_json: Json = False) -> None:
    """Compare two snapshots: rows, columns, and how each column's distribution changed."""
    from posterity.data.snapshot import find, load
    from posterity.stats.inputs import compare_columns

    store = the_store()
    old, new = load(store, find(store, before)), load(store, find(store, now))
    changes = compare_columns(
        {str(name): old[name].to_numpy() for name in old}, {str(name): new[name].to_numpy() for name in new}
    )
    rows = [
        {"column": item.column, "effect": item.effect, "adjusted p": item.p_adjusted, "drifted": item.drifted}
        | {"new": list(item.new[:5]), "vanished": list(item.vanished[:5])}
        for item in changes
    ]
    if not as_json:
        console.print(f"rows: {len(old):,} before, {len(new):,} now")
        columns = {"columns gone": _names(old, new), "columns added": _names(new, old)}
        print_facts({name: names for name, names in columns.items() if names}, as_json)
    print_rows(rows, as_json)


def _names(table: "pd.DataFrame", other: "pd.DataFrame") -> list[str]:
    """The columns of `table` that `other` has not."""
    return sorted(set(map(str, table)) - set(map(str, other)))


@data.command(epilog="Examples:\n\n  posterity data export 3fa94c raw.csv")
def export(snapshot: Digest, to: Annotated[Path, typer.Argument(help="A .csv or .parquet file to write.")]) -> None:
    """Write the raw table of a snapshot to a file."""
    from posterity.data.snapshot import find, load
    from posterity.errors import SettingsError

    store = the_store()
    if to.suffix not in {".csv", ".parquet"}:
        raise SettingsError(f"{to} is neither .csv nor .parquet")
    table = load(store, find(store, snapshot))
    if to.suffix == ".csv":
        table.to_csv(to, index=False)
    else:
        table.to_parquet(to, index=False)
    console.print(f"{len(table):,} rows in {to}", highlight=False)


@features.command("list", epilog="Examples:\n\n  posterity features list")
def list_features(as_json: Json = False) -> None:
    """List feature tables with the definition that made them and the versions that use them."""
    print_rows(list(_feature_rows()), as_json, empty="no version uses a feature table yet")


@features.command("show", epilog="Examples:\n\n  posterity features show 81bb02")
def show_features(table: Digest, as_json: Json = False) -> None:
    """Show a feature table: its definition, rows, columns, and who uses it."""
    from posterity.errors import NotFoundError

    found = [row for row in _feature_rows(whole=True) if str(row["features"]).startswith(table)]
    if not found:
        raise NotFoundError(f"no feature table begins with {table!r}; see `posterity features list`")
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
