"""Time local runs in empty stores and split them into the work of stages and everything around it.

Work is the time in which at least one stage is in its own code; the rest of the wall time (importing kfp, starting
processes, compiling and following the run) is orchestration. The trial in staging that follows a run is neither, and
left out. The share is what matters: seconds depend on the machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from posterity.runs import RunLog, StageRecord
from posterity.store import open_store


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("model", nargs="?", default="flights")
    parser.add_argument("--as-of", default="2013-03-31")
    parser.add_argument("--source", default="")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    table = Table("run", "wall s", "work s", "orchestration s", "share", title=f"local runs of {arguments.model}")
    for number in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            for kind in ("from nothing", "again"):
                wall, records = timed_run(arguments, Path(folder), f"{kind.replace(' ', '-')}")
                work = covered(records)
                share = f"{(wall - work) / wall:.0%}"
                table.add_row(f"{number + 1}, {kind}", f"{wall:.1f}", f"{work:.1f}", f"{wall - work:.1f}", share)
    Console().print(table)


def timed_run(arguments: argparse.Namespace, folder: Path, name: str) -> tuple[float, list[StageRecord]]:
    """Wall seconds of one run in a process of its own, and the records of its stages."""
    store = f"file://{folder}/store"
    registry = f"sqlite:///{folder}/registry.db"
    settings = {"POSTERITY_STORE": store, "POSTERITY_REGISTRY": registry, "POSTERITY_RELEASE": "off"}
    environment = {**os.environ, **settings}
    command = [sys.executable, "-m", "pipelines.cli", "run", arguments.model, "--as-of", arguments.as_of]
    command += ["--name", name]
    command += ["--source", arguments.source] if arguments.source else []
    begun = time.perf_counter()
    subprocess.run(command, env=environment, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun, RunLog(open_store(store), name).stages()


def covered(records: list[StageRecord]) -> float:
    """Seconds in which at least one stage was at work."""
    total, end = 0.0, 0.0
    for start, stop in sorted((record.started, record.started + record.seconds) for record in records):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


if __name__ == "__main__":
    main()
