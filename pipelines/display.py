"""The live display of a run: its stages with times, and in sampling each chain."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from posterity.runs import ORDER, RunLog, StageRecord

MARKS = {"running": "●", "ran": "✓", "reused": "↺", "failed": "✗", "": "·"}
COLOURS = {"running": "cyan", "ran": "green", "reused": "blue", "failed": "red", "": "dim"}


class Followed(Protocol):
    """A run that goes on somewhere: what it leaves in the store, seconds between two looks, what it waits for."""

    log: RunLog
    interval: float
    note: str

    def ended(self) -> bool:
        """Whether the run is over."""


def follow(run: Followed, console: Console) -> None:
    """Show `run` until it ends: a table that renews itself on a terminal, a line per stage elsewhere."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            for _ in _until_ended(run):
                live.update(_picture(run.log, run.note))
    else:
        _print_lines(run, console)


def _until_ended(run: Followed) -> Iterator[None]:
    """Yield now and then until the run has ended, and once after."""
    while not run.ended():
        yield
        time.sleep(run.interval)
    yield


def _print_lines(run: Followed, console: Console) -> None:
    printed: set[str] = set()
    for _ in _until_ended(run):
        if run.note and run.note not in printed:
            printed.add(run.note)
            console.print(run.note, soft_wrap=True, markup=False, highlight=False)
        for record in run.log.stages():
            if record.status != "running" and record.name not in printed:
                printed.add(record.name)
                console.print(_line(record), soft_wrap=True)


def _line(record: StageRecord) -> Text:
    text = Text.assemble(
        (f"{MARKS[record.status]} ", COLOURS[record.status]),
        f"{record.name:<20}",
        f"{record.seconds:6.1f} s  ",
        (f"{record.status}: {record.why}" if record.why else record.status, "dim"),
    )
    text.no_wrap = True
    text.overflow = "ellipsis"
    return text


def _picture(log: RunLog, note: str) -> RenderableType:
    records = log.stages()
    there = {record.stage for record in records}
    table = Table.grid(padding=(0, 2))
    for record in records:
        table.add_row(_line(_with_time(record)))
    for stage in ORDER:
        if stage not in there:
            table.add_row(Text(f"{MARKS['']} {stage}", style="dim"))
    chains = [] if all(record.status != "running" for record in records) else _chains(log)
    return Group(table, *chains, *([Text(note, style="yellow")] if note else []))


def _with_time(record: StageRecord) -> StageRecord:
    return replace(record, seconds=time.time() - record.started) if record.status == "running" else record


def _chains(log: RunLog) -> list[RenderableType]:
    """One line per chain that is being sampled."""
    progress = [facts for name, facts in log.progress().items() if name.startswith("sample")]
    chains = sorted((chain for facts in progress for chain in facts.get("chains", [])), key=lambda c: c["chain"])
    if not chains:
        return []
    table = Table(box=None, padding=(0, 1))
    for heading in ("chain", "", "step", "", "divergences", "step size", "gradients", "left"):
        table.add_column(heading, justify="right", header_style="dim")
    for chain in chains:
        table.add_row(*_chain_cells(chain))
    return [table]


def _chain_cells(chain: dict[str, Any]) -> list[RenderableType]:
    left = chain.get("seconds_left")
    return [
        str(chain["chain"]),
        ProgressBar(total=chain["total"], completed=chain["step"], width=24),
        f"{chain['step']}/{chain['total']}",
        chain["phase"],
        str(chain["divergences"]),
        f"{chain['step_size']:.3g}",
        f"{chain['gradients']:,}",
        "" if left is None else f"{left:.0f} s",
    ]
