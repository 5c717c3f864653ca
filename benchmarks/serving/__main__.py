"""Requests per second of the results server: a prediction by its key, a page of 100, and the scoring of a new row.

Each server runs on one core and is loaded from another, all in turns; medians over the rounds count. Against: the same
ASGI server answering fixed bytes; FastAPI on uvicorn with the same rows in a data frame, and in a dictionary; MLServer
with a logistic regression of scikit-learn, which scores only: looking up a row is held against that. Ours scores a row
by its predictive distribution from 4,000 draws.

Ratios are those of requests per second of the server's CPU time, which is what a core that has nothing else to do
gives; where others use the machine, requests per second of the clock depend on them.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from benchmarks.serving.environments import python_of
from benchmarks.serving.load import Result, measure
from benchmarks.serving.peers import Peer, Running, contenders
from benchmarks.serving.store import fill, fill_many
from posterity.store import open_store

COMPARED = (  # question, contender, question of the contender, least ratio of ours to it
    ("by key", "MLServer", "infer", 8.0),
    ("by key", "FastAPI", "by key", 5.0),
    ("by key", "FastAPI, dictionary", "by key", None),
    ("by key", "fixed bytes", "by key", 0.6),
    ("page", "FastAPI", "page", None),
    ("infer", "MLServer", "infer", 1.0),
)
PORT = 18400


@dataclass(frozen=True)
class Round:
    """What one round gave, and requests per second of CPU time."""

    result: Result
    per_cpu: float


Results = dict[tuple[str, str], list[Round]]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows whose memory is measured")
    parser.add_argument("--environments", type=Path, default=Path("build/peers"), help="where the peers are installed")
    parser.add_argument("--quick", action="store_true", help="a smoke test: one short round, few rows")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.rows = 1, 1, 20_000
    cores = sorted(os.sched_getaffinity(0))
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        peers = prepare(Path(folder), arguments.environments.absolute())
        report(console, speed(peers, arguments.rounds, arguments.seconds, arguments.connections, cores, Path(folder)))
        memory(console, Path(folder), arguments.rows, peers, cores[0])


def prepare(folder: Path, environments: Path) -> list[Peer]:
    """A store for ours, the same rows for FastAPI, a fitted model for MLServer."""
    environments.mkdir(parents=True, exist_ok=True)
    store = open_store(f"file://{folder}/store")
    targets = fill(store)
    keys = list(targets[["kind", "place"]].itertuples(index=False, name=None))[::7]
    mlserver = python_of("mlserver", environments)
    subprocess.run([mlserver, Path(__file__).with_name("train.py"), environments / "model"], check=True)
    peers = contenders(environments, store.url, keys)
    ours = Running(next(peer for peer in peers if peer.name == "posterity"), PORT, 0, folder / "rows.log")
    try:
        with urlopen(f"http://127.0.0.1:{PORT}/v1/products/bench/predictions?limit=10000") as answer:
            page = json.load(answer)
    finally:
        ours.stop()
    rows = page.pop("predictions")
    facts = {name: page[name] for name in ("model", "version", "as_of", "valid_from", "valid_until", "expired")}
    (environments / "rows.json").write_text(json.dumps([facts, rows]))
    return peers


def speed(peers: list[Peer], rounds: int, seconds: float, connections: int, cores: list[int], folder: Path) -> Results:
    """Question and peer → the result of each round."""
    found: Results = defaultdict(list)
    for turn in range(rounds):
        for place, peer in enumerate(peers):
            running = Running(peer, PORT + 1 + place, cores[0], folder / f"{peer.name}.log")
            try:
                for name, question in peer.questions.items():
                    measure(running.port, question, 1, connections, cores[-1], folder)  # warm
                    before = running.cpu()
                    result = measure(running.port, question, seconds, connections, cores[-1], folder)
                    if result.failed:
                        raise SystemExit(f"{peer.name}: {result.failed} requests failed ({name}, round {turn + 1})")
                    found[name, peer.name].append(Round(result, result.requests / (running.cpu() - before)))
            finally:
                running.stop()
    return found


def report(console: Console, results: Results) -> None:
    """Print the table, and which targets hold."""
    table = Table("question", "server", "requests/s", "per CPU s", "p50 ms", "p99 ms", title="one core, 16 connections")
    for (question, peer), rounds in sorted(results.items()):
        rate = median(item.result.requests / item.result.seconds for item in rounds)
        cpu = median(item.per_cpu for item in rounds)
        p50, p99 = (median(getattr(item.result, name) for item in rounds) for name in ("p50", "p99"))
        table.add_row(question, peer, f"{rate:,.0f}", f"{cpu:,.0f}", f"{p50:.2f}", f"{p99:.2f}")
    console.print(table)
    for question, peer, theirs, least in COMPARED:
        pairs = zip(results[question, "posterity"], results[theirs, peer], strict=True)
        ratio = median(ours.per_cpu / other.per_cpu for ours, other in pairs)
        verdict = "" if least is None else f", wanted {least:g}: {'holds' if ratio >= least else 'MISSED'}"
        console.print(f"{question}: {ratio:.2f} times {peer} ({theirs}){verdict}", soft_wrap=True)


def memory(console: Console, folder: Path, rows: int, peers: list[Peer], core: int) -> None:
    """Print what a product of many rows takes beside the server itself."""
    ours = next(peer for peer in peers if peer.name == "posterity")
    sizes = []
    for name, count in (("few", 1), ("many", rows)):
        store = open_store(f"file://{folder}/{name}")
        fill_many(store, count)
        settings = {**ours.environment, "POSTERITY_STORE": store.url}
        few = {"by key": type(ours.questions["by key"])(["/v1/products/bench/predictions/K00,P0000000"])}
        running = Running(Peer(ours.name, ours.command, few, settings), PORT, core, folder / f"{name}.log")
        try:
            sizes.append(running.memory())
        finally:
            running.stop()
    more = (sizes[1] - sizes[0]) / rows
    console.print(f"memory: {more:,.0f} MB per million rows beside {sizes[0] / 1e6:,.0f} MB of the server itself")


if __name__ == "__main__":
    main()
