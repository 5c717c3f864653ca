"""What the commands have in common: options, the store, and printing as a table or as JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from posterity.settings import Settings
from posterity.store import ObjectStore, open_store

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
console = Console()


def the_store() -> ObjectStore:
    """The store that the settings name."""
    return open_store(Settings.from_environment().store)


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
    for name in rows[0]:
        table.add_column(str(name), overflow="fold")
    for row in rows:
        table.add_row(*(as_text(value) for value in row.values()))
    console.print(table)


def print_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """Print names and values, one a line, or as a JSON object."""
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        console.print(f"[bold]{name:<{width}}[/]  ", end="")
        console.print(as_text(value), markup=False, soft_wrap=True)


def as_text(value: Any) -> str:
    """A value for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={as_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value))
    return "" if value is None else str(value)
