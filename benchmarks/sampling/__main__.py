"""Time the sampling engine against `pm.sample`, nutpie (diagonal, low-rank) and NumPyro on the flights model.

Each contender runs in a cold process, in an environment of its own, on the same two cores and the same data, to the
verdict of the same gate; runs are interleaved and the medians printed. `cold` is everything from the start of the
process (ours: of both processes, plan and shard); `sample` is warm-up and draws alone. ESS is the smallest bulk ESS
over the published quantities. Ratios are what matters: seconds depend on the machine, and on a busy one CPU seconds
are the ones to compare.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.sampling.data import write_tables
from benchmarks.sampling.environments import OF, python_of

OURS, REFERENCE = "posterity", "pymc"
ALL = (OURS, REFERENCE, *OF)
ROOT = Path(__file__).parents[2]

Figures = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampling", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--contenders", nargs="+", choices=ALL, default=list(ALL))
    parser.add_argument("--environments", type=Path, help="where the peers' environments are kept; default temporary")
    parser.add_argument("--quick", action="store_true", help="a smoke test: 100 draws, no environments of peers")
    parser.add_argument("--json", type=Path, help="write the figures of every run here, as it ends")
    arguments = parser.parse_args()
    contenders = [name for name in arguments.contenders if not (arguments.quick and name in OF)]
    with tempfile.TemporaryDirectory() as folder:
        environments = (arguments.environments or Path(folder) / "environments").absolute()
        for found in compare(contenders, arguments.runs, Path(folder), environments, quick=arguments.quick):
            if arguments.json:
                arguments.json.write_text(json.dumps(found, indent=1))
    for table in tables(found):
        Console(width=130).print(table)


def compare(
    contenders: list[str], runs: int, folder: Path, environments: Path, *, quick: bool
) -> Iterator[dict[str, list[Figures]]]:
    """Contender -> the figures of its runs so far, after each run."""
    write_tables(folder)
    pythons = {name: python_of(name, environments) for name in contenders}
    draws, tune = (100, 100) if quick else (1000, 0)
    found: dict[str, list[Figures]] = {name: [] for name in contenders}
    for number in range(runs):
        for name in contenders:
            steps = ("plan", "shard") if name == OURS else (name,)
            parts = [run(pythons[name], step, folder, number + 1, draws, tune) for step in steps]
            found[name].append(_joined(parts))
            last = found[name][-1]
            text = f"run {number + 1}, {name}: {last['cold']:.1f} s, {last['cpu']:.1f} s of CPU"
            Console(stderr=True).print(text, style="dim")
            yield found


def run(python: Path, step: str, folder: Path, seed: int, draws: int, tune: int) -> Figures:
    """One worker process; raises CalledProcessError with what it printed."""
    command = [python, "-m", "benchmarks.sampling.worker", step, folder, seed, draws, tune]
    environment = {**os.environ, "BENCHMARK_STARTED": str(time.time()), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [str(part) for part in command], env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _joined(parts: list[Figures]) -> Figures:
    """The figures of a contender; seconds that several processes have are added."""
    joined = dict(parts[-1])
    for part in parts[:-1]:
        joined |= {name: joined[name] + part[name] for name in ("import", "compile", "cold", "cpu")}
    return joined


def tables(found: dict[str, list[Figures]]) -> list[Table]:
    """Time split, and rates with their ratios to `pm.sample`."""
    split = _table(
        "seconds, cold process to the verdict", "import", "compile", "warm-up", "draws", "gate", "cold", "CPU"
    )
    figures = ("seconds", "CPU", "gradients", "min ESS", "ESS/CPU s", "first gradient", "peak MB", "ESS/s")
    rates = _table("sampling alone", *figures)
    cold = {name: _median(runs, "cold") for name, runs in found.items()}
    rate = {name: median(run["ess"] / run["sample"] for run in runs) for name, runs in found.items()}
    for name, runs in found.items():
        share, sample = _median(runs, "warmup_share"), _median(runs, "sample") or 0.0
        warmup, draws = (None, sample) if share is None else (share * sample, (1 - share) * sample)
        verdicts = ", ".join(sorted({run["verdict"] for run in runs}))
        before, after = _medians(runs, "import", "compile"), _medians(runs, "gate", "cold", "cpu")
        seconds = [*before, warmup, draws, *after]
        split.add_row(name, *map(_shown, seconds), verdicts, _ratio(cold, name, faster=True))
        rates.add_row(
            name,
            *map(_shown, (sample, _median(runs, "sample_cpu"))),
            *(_shown(value, 0) for value in _medians(runs, "gradients", "ess")),
            _shown(median(run["ess"] / run["sample_cpu"] for run in runs)),
            *map(_shown, _medians(runs, "first_gradient", "shard_memory_mb")),
            _shown(rate[name]),
            verdicts,
            _ratio(rate, name, faster=False),
        )
    return [split, rates]


def _table(title: str, *headings: str) -> Table:
    table = Table("contender", title=f"{title} (medians)")
    for heading in (*headings, "verdict", "× pm.sample"):
        table.add_column(heading, justify="right")
    return table


def _medians(runs: list[Figures], *keys: str) -> list[float | None]:
    return [_median(runs, key) for key in keys]


def _median(runs: list[Figures], key: str) -> float | None:
    return median(run[key] for run in runs) if all(key in run for run in runs) else None


def _shown(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _ratio(values: dict[str, Any], name: str, *, faster: bool) -> str:
    """How many times better than `pm.sample`."""
    if REFERENCE not in values:
        return ""
    ratio = values[REFERENCE] / values[name] if faster else values[name] / values[REFERENCE]
    return f"{ratio:.2f}"


if __name__ == "__main__":
    main()
