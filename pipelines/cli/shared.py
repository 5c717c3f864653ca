"""What the commands have in common: options, the store, and printing as a table or as JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posterity.settings import Settings
from posterity.store import ObjectStore, open_store

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
Image = Annotated[str, typer.Option(help="Image of the stages; posterity/stage:dev if not given.")]
SampleImage = Annotated[str, typer.Option(help="Image of the stage sample; that of the other stages if not given.")]
CompileSetting = Annotated[
    list[str] | None,
    typer.Option("--settings", help="YAML file with compile settings, or one as name=value; repeatable."),
]
UNBOUNDED = 10_000  # columns of a line that no terminal shows: nothing is folded or cut for pipes and files
console = Console(width=None if sys.stdout.isatty() else UNBOUNDED)
messages = Console(stderr=True)  # what is not the result of a command


def the_store() -> ObjectStore:
    """The store that the settings name."""
    return open_store(Settings.from_environment().store, patient=False)


def print_json(value: Any) -> None:
    """Print `value` as JSON to standard output; what JSON has no word for becomes text."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, allow_nan=True) + "\n")


def print_rows(rows: Sequence[Mapping[str, Any]], as_json: bool, title: str = "", empty: str = "nothing yet") -> None:
    """Print rows as a table with one column per key, or as a JSON list."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        console.print(empty)
        return
    table = Table(title=title or None, box=None, header_style="bold", title_justify="left")
    for place, name in enumerate(rows[0]):
        table.add_column(str(name), overflow="fold", no_wrap=not place)  # names can be copied whole
    for row in rows:
        table.add_row(*(Text(as_text(value)) for value in row.values()))
    console.print(table)


def print_path(path: Path, as_json: bool, **facts: Any) -> None:
    """Print where something was written."""
    if as_json:
        print_json({"path": str(path.absolute()), **facts})
    else:
        console.print(str(path), soft_wrap=True, highlight=False, markup=False)


def print_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """Print names and values, one a line, or as a JSON object."""
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        console.print(f"[bold]{name:<{width}}[/]  ", end="")
        console.print(as_text(value), markup=False, soft_wrap=True, highlight=False)


def as_text(value: Any) -> str:
    """A value for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping | list | tuple) and not value:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={as_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value))
    return "" if value is None else str(value)
