"""Run a model on a cluster with 1, 2, 4, … shards, in turns, and say where the time went.

Each stage is split into scheduling (from the pod's creation to the start of its container), start-up (to the first
line of the stage's code) and work. For shards: seconds from the creation of a pod to its last draw, for the slowest
shard and for all of them. Where there are fewer cores than shards, pods share them and the measurement says little; the
projection beside it is made from what the fewest shards took, as `--shards auto` does. Each run has a seed of its own,
so that nothing is taken from earlier ones. Needs kubectl (KUBECTL names another command), POSTERITY_API_ENDPOINT and
the settings of the store.
"""

import argparse
import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.compile import compile_pipeline
from pipelines.compile_settings import read_settings
from posterity.runs import ORDER, RunLog, StageRecord
from posterity.sampling.shards import Costs, option
from posterity.settings import Settings
from posterity.store import open_store

PATIENCE = 3600


@dataclass(frozen=True)
class Split:
    """Seconds of one task, and the most memory of its process in MiB."""

    scheduling: float
    start: float
    work: float
    memory: float

    @property
    def pod(self) -> float:
        """Seconds that the pod was there."""
        return self.scheduling + self.start + self.work


@dataclass(frozen=True)
class Run:
    """The tasks of one run, and what its stage `sample` says that a pod's start and a chain took."""

    tasks: Mapping[str, Split]
    sampling: Mapping[str, Any]

    @property
    def shards(self) -> list[Split]:
        """The tasks that sampled."""
        return [part for name, part in self.tasks.items() if name.startswith("sample.")]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--image", required=True, help="image of the stages")
    parser.add_argument("--sample-image", default="", help="image of the stage sample")
    parser.add_argument("--model", default="flights")
    parser.add_argument("--as-of", default="2013-03-31")
    parser.add_argument("--chains", type=int, default=8)
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--projected", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--namespace", default="kubeflow")
    arguments = parser.parse_args()
    found: dict[int, list[Run]] = {shards: [] for shards in arguments.shards}
    with TemporaryDirectory() as folder:
        settings = read_settings([], arguments.image, arguments.sample_image)
        compiled = compile_pipeline(Path(folder) / "experiment.yaml", settings=settings)
        for number in range(arguments.runs):
            for shards in arguments.shards:
                found[shards].append(one_run(arguments, compiled, shards, seed=1000 + 10 * number + shards))
    for table in (stage_table(found), shard_table(found, arguments.chains, arguments.projected)):
        Console(width=120).print(table)


def one_run(arguments: argparse.Namespace, compiled: Path, shards: int, seed: int) -> Run:
    """Start a run, wait for its end, and split the time of each of its tasks."""
    from kfp import Client

    client, name = Client(host=Settings.from_environment().api_endpoint), f"bench-{shards}-{int(time.time())}"
    given = {"model": arguments.model, "as_of": arguments.as_of, "chains": arguments.chains, "shards": str(shards)}
    given |= {"run": name, "seed": seed}
    job = client.create_run_from_pipeline_package(str(compiled), arguments=given, run_name=name).run_id
    state = client.wait_for_run_completion(job, PATIENCE, sleep_duration=2).state
    store = open_store(Settings.from_environment().store)
    log = RunLog(store, name)
    if state != "SUCCEEDED":
        raise SystemExit(f"run {name} ended {state}: {log.failure}")
    pods = {pod["metadata"]["name"]: pod for pod in _pods(arguments.namespace, job)}
    tasks = {record.name: split(record, pods[record.pods[-1]]) for record in log.stages()}
    return Run(tasks, json.loads(store.get(f"models/{arguments.model}/sampling.json")))


def _pods(namespace: str, job: str) -> list[Mapping[str, Any]]:
    kubectl = shlex.split(os.environ.get("KUBECTL", "kubectl"))
    command = [*kubectl, "get", "pods", "-n", namespace, "-l", f"pipeline/runid={job}", "-o", "json"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(json.loads(found)["items"])


def split(record: StageRecord, pod: Mapping[str, Any]) -> Split:
    """Where the time of a task went; the times of Kubernetes are whole seconds."""
    created = _seconds(pod["metadata"]["creationTimestamp"])
    state = next(item["state"] for item in pod["status"]["containerStatuses"] if item["name"] == "main")
    begun = _seconds(next(iter(state.values()))["startedAt"])
    return Split(max(begun - created, 0.0), max(record.started - begun, 0.0), record.seconds, record.memory)


def _seconds(when: str) -> float:
    return datetime.fromisoformat(when).timestamp()


def stage_table(found: Mapping[int, Sequence[Run]]) -> Table:
    """Medians of each stage over all runs; of shards, those of each shard."""
    table = Table("stage", "scheduling s", "start-up s", "work s", "peak MiB", box=None, title="one task of each stage")
    everything = [item for runs in found.values() for run in runs for item in run.tasks.items()]
    for stage in ORDER:
        parts = [part for name, part in everything if name.partition(".")[0] == stage]
        figures = ([getattr(part, name) for part in parts] for name in ("scheduling", "start", "work"))
        shown = [f"{median(values):.1f}" for values in figures]
        table.add_row(stage, *shown, f"{max(part.memory for part in parts):,.0f}")
    return table


def shard_table(found: Mapping[int, Sequence[Run]], chains: int, projected: Iterable[int]) -> Table:
    """Seconds of the longest shard and of all shards, measured, and as projected from what the fewest took."""
    names = (
        "shards",
        "waiting s",
        "pods s",
        "speed-up",
        "projected waiting s",
        "projected pods s",
        "projected speed-up",
    )
    table = Table(*names, box=None, title=f"{chains} chains over shards")
    measured = {shards: _sampled(runs) for shards, runs in found.items()}
    base, costs = measured[min(found)][0], costs_of(found[min(found)])
    one = option(costs, chains, 1)
    for shards in sorted({*measured, *projected}):
        expected = option(costs, chains, shards)
        waiting, pods = measured.get(shards, (None, None))
        seen = [f"{waiting:.0f}", f"{pods:.0f}", f"{base / waiting:.2f}"] if waiting and pods else ["", "", ""]
        ahead = [f"{expected.waiting:.0f}", f"{expected.pod_seconds:.0f}", f"{one.waiting / expected.waiting:.2f}"]
        table.add_row(str(shards), *seen, *ahead)
    return table


def _sampled(runs: Sequence[Run]) -> tuple[float, float]:
    """Medians over runs: the longest shard's seconds, and those of all shards together."""
    pods = [[part.pod for part in run.shards] for run in runs]
    return median(map(max, pods)), median(map(sum, pods))


def costs_of(runs: Sequence[Run]) -> Costs:
    """What a pod and a chain take, for pods of one core each, which is how a full cluster schedules them."""
    before = [part.scheduling + part.start for run in runs for part in run.shards]
    start, chain = (median(run.sampling[name] for run in runs) for name in ("start", "chain"))
    return Costs(median(before), start, chain, 1, "this benchmark")


if __name__ == "__main__":
    main()
