"""Tables that leave the store: `score`, `export`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.shared import Json, console, print_json, print_path, the_store
from posterity.errors import SettingsError

VersionName = Annotated[str, typer.Argument(help="model/number, model@alias, or model for its newest version.")]
SCORE = """Examples:

  posterity score flights@champion --in keys.parquet --out scores.parquet

  posterity score flights/3 --in keys.csv --out scores.csv --quantiles 0.1,0.9 --threshold disrupted=0.3

  posterity score flights --in s3://posterity/in/keys.parquet --out s3://posterity/out/scores.parquet"""
EXPORT = """Examples:

  posterity export flights/3

  posterity export flights@champion --to sqlite --out flights.db"""


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog=SCORE)(score)
    app.command(epilog=EXPORT)(export)


def score(
    version: VersionName,
    source: Annotated[str, typer.Option("--in", help="Rows to score: CSV or Parquet, s3://bucket/key, an SQL URL.")],
    to: Annotated[str, typer.Option("--out", help="The .csv or .parquet file to write, or s3://bucket/key.")],
    quantiles: Annotated[str, typer.Option(help="Levels, separated by commas.")] = "0.05,0.25,0.5,0.75,0.95",
    threshold: Annotated[
        list[str] | None, typer.Option(help="QUANTITY=NUMBER: the probability of exceeding it, too; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score new keys from the posterior's draws of a version, with the code that it was registered with.

    Columns are those of the table that the product was predicted from. For keys of the product the keys are enough; for
    others give whatever else `predict` reads, such as the number of trials.
    """
    import pyarrow as pa

    from posterity.data.connectors import read_source
    from posterity.registry import versions
    from posterity.scoring.files import check_target, score_table, write_table
    from posterity.scoring.scorer import Question, load_scorer

    check_target(to)
    levels, thresholds = _levels(quantiles), dict(_threshold(text) for text in threshold or [])
    store = the_store()
    found = versions.get(store, version)
    scorer = load_scorer(store, found)
    if unknown := set(thresholds) - {quantity.name for quantity in scorer.model.quantities}:
        there = ", ".join(quantity.name for quantity in scorer.model.quantities)
        raise SettingsError(f"{found.label} has no quantity {', '.join(sorted(unknown))}; it has {there}")
    table = score_table(scorer, read_source(source), Question(levels, thresholds))
    write_table(pa.Table.from_pandas(table, preserve_index=False), to)
    if as_json:
        print_json({"path": to, "version": found.label, "rows": len(table)})
    else:
        console.print(f"{len(table):,} rows scored with {found.label}: {to}", highlight=False, markup=False)


def export(
    version: VersionName,
    kind: Annotated[str, typer.Option("--to", help="csv, parquet or sqlite.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="File to write; named after the version if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Write the predictions of a version to a file that works offline, with the days that they are valid for.

    In an SQLite file they are the view MODEL_current, as in the database that promotion publishes to.
    """
    from posterity.registry import versions
    from posterity.release import files

    store = the_store()
    found = versions.get(store, version)
    path = out or Path(f"{found.model}-{found.number}.{'db' if kind == files.SQLITE else kind}")
    rows = files.export(store, found, kind, path)
    print_path(path, as_json, version=found.label, rows=rows)


def _levels(text: str) -> tuple[float, ...]:
    try:
        levels = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        levels = ()
    if not levels or not all(0 < level < 1 for level in levels):
        raise SettingsError(f"--quantiles {text!r}: write levels between 0 and 1, such as 0.05,0.5,0.95")
    return levels


def _threshold(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError as error:
        raise SettingsError(f"--threshold {text!r} is not of the form QUANTITY=NUMBER") from error
