"""Predict many rows × 4,000 draws: peak memory, and speed against pm.sample_posterior_predictive.

Each measurement is a process of its own; runs alternate and the median counts. Times leave out importing and, for PyMC,
the quantiles of what it simulated; they include compiling its function, as every use of it does. Seconds depend on the
machine, the ratio hardly.
"""

import argparse
import json
import subprocess
import sys
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predict", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows whose peak memory is measured")
    parser.add_argument("--both", type=int, default=20_000, help="rows that both methods predict")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke test: few rows, one run")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rows, arguments.both, arguments.runs = 4000, 500, 1
    large = measure("mixture", arguments.rows)
    runs = [(measure("mixture", arguments.both), measure("pymc", arguments.both)) for _ in range(arguments.runs)]
    report(arguments.rows, arguments.both, large, runs)


def measure(method: str, rows: int) -> dict[str, Any]:
    """What one worker found."""
    command = [sys.executable, "-m", "benchmarks.predict.worker", method, str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def report(rows: int, both: int, large: dict[str, Any], runs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Print the table and how far apart the quantiles are."""
    table = Table("method", "rows", "seconds", "µs a row", "peak MiB", title="rows × 4,000 draws")
    ours, theirs = (median(run[i]["seconds"] for run in runs) for i in (0, 1))
    for name, count, seconds, peaks in (
        ("mixture", rows, large["seconds"], [large]),
        ("mixture", both, ours, [run[0] for run in runs]),
        ("PyMC", both, theirs, [run[1] for run in runs]),
    ):
        peak = max(item["peak_mib"] for item in peaks)
        table.add_row(name, f"{count:,}", f"{seconds:.2f}", f"{1e6 * seconds / count:.0f}", f"{peak:.0f}")
    console = Console()
    console.print(table)
    apart = np.abs(np.subtract(runs[0][0]["counts"], runs[0][1]["counts"]))
    console.print(f"{theirs / ours:.1f} times as fast as pm.sample_posterior_predictive")
    console.print(
        f"{np.mean(apart == 0):.0%} of quantiles are the same count, {np.mean(apart <= 1):.0%} within one; "
        "the rest is the error of simulating"
    )


if __name__ == "__main__":
    main()
