"""Two products held against each other: `compare-products`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.shared import Json, console, print_json, print_rows, the_store
from posterity.errors import SettingsError

if TYPE_CHECKING:
    from posterity.scoring.comparing import Comparison, Side
    from posterity.store import ObjectStore

FORMS = (".html", ".svg", ".png")
EXAMPLES = """Examples:

  posterity compare-products flights/3 flights/4

  posterity compare-products flights@champion flights@challenger --picture comparison.html

  posterity compare-products flights/3 --on flights/4 --top 20

  posterity compare-products flights/3 flights/4 --on 3fa94c --json"""


def attach(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("compare-products", epilog=EXAMPLES)(compare_products)


def compare_products(
    before: Annotated[str, typer.Argument(metavar="A", help="model/number, model@alias, or model for its newest.")],
    now: Annotated[
        str | None,
        typer.Argument(metavar="B", help="The version to hold against it; with --on, A itself if left out."),
    ] = None,
    on: Annotated[
        str, typer.Option(help="A snapshot, or the version made from it: predict its rows instead of those published.")
    ] = "",
    picture: Annotated[Path | None, typer.Option(help="Write a page or picture: .html, .svg or .png.")] = None,
    top: Annotated[int, typer.Option(min=0, help="Rows that moved most, of each quantity.")] = 10,
    as_json: Json = False,
) -> None:
    """Hold two data products against each other: how far predictions moved, and which moved most.

    With --on the posteriors answer for another snapshot, without being fitted to it: A B --on X says what the models
    make of the same data, A --on X what other data make of the same model.
    """
    from posterity.scoring import comparing

    if picture and (picture.suffix not in FORMS or not picture.parent.is_dir()):
        raise SettingsError(f"--picture {picture} is no .html, .svg or .png file in a folder that exists")
    store = the_store()
    found = comparing.compare_products(*_sides(store, before, now, on), most=top)
    if picture:
        picture.write_bytes(_drawn(found, picture.suffix))
    if as_json:
        print_json({**found.to_dict(), "picture": str(picture.absolute()) if picture else None})
    else:
        _print(found, picture)


def _sides(store: "ObjectStore", before: str, now: str | None, on: str) -> "tuple[Side, Side]":
    from posterity.registry import versions
    from posterity.release.sides import published, snapshot_of, transferred

    first = versions.get(store, before)
    if on:
        data = snapshot_of(store, on)
        if now is None:
            return published(store, first), transferred(store, first, data)
        return transferred(store, first, data), transferred(store, versions.get(store, now), data)
    if now is None:
        raise SettingsError(f"{before} is to be held against what? Give two versions, or one and --on SNAPSHOT")
    return published(store, first), published(store, versions.get(store, now))


def _drawn(found: "Comparison", suffix: str) -> bytes:
    from posterity.report.comparison import comparison_page, comparison_picture

    return comparison_page(found).encode() if suffix == ".html" else comparison_picture(found, suffix[1:])


def _print(found: "Comparison", picture: Path | None) -> None:
    different = [row for row in found.facts if row[1] != row[2]]
    if different:
        print_rows([dict(zip(("differs in", found.before, found.now), row, strict=True)) for row in different], False)
        console.print()
    both, before_only, now_only = found.rows
    only = f"{before_only:,} in {found.before} only, {now_only:,} in {found.now} only"
    console.print(f"{both:,} rows in both, {only}\n", highlight=False, markup=False)
    print_rows([_row(item) for item in found.quantities], False)
    if found.moved:
        console.print()
        print_rows([_moved(item) for item in found.moved], False, title="moved most")
    if picture:
        console.print(str(picture), soft_wrap=True, highlight=False, markup=False)


def _row(item: Any) -> dict[str, Any]:
    return {
        "quantity": item.quantity,
        "average before": item.before,
        "now": item.now,
        "median change": item.change,
        "in sd": item.sds,
        "largest in sd": item.most_sds,
        "90 % intervals apart": f"{item.apart:.1%}",
        "width": f"× {item.width:.3g}",
    }


def _moved(item: Any) -> dict[str, Any]:
    return {
        "quantity": item.quantity,
        "row": item.key,
        "before": item.before,
        "90 % before": " – ".join(f"{value:.3g}" for value in item.before_interval),
        "now": item.now,
        "90 % now": " – ".join(f"{value:.3g}" for value in item.now_interval),
        "change in sd": f"{item.sds:+.2f}",
    }
