"""Run the compiled pipeline on this machine, each stage in a process of its own.

`start` begins a run in a child process (importing kfp takes seconds and its logger takes over standard output)
and gives the handle that a display polls; `python -m pipelines.local FILE` is that child.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from posterity.runs import RunLog
from posterity.settings import Settings
from posterity.store import open_store

COMPILED = Path(__file__).with_name("experiment.yaml")
PATIENCE = 10.0  # seconds between asking the stages to end and ending them


@dataclass
class LocalRun:
    """A run that goes on in a child process; `log_file` has what its stages print."""

    log: RunLog
    process: subprocess.Popen[bytes]
    log_file: Path
    interval: float = 0.25
    note: str = ""

    def ended(self) -> bool:
        """Whether the pipeline has ended, well or not."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Stop the pipeline and all its stages."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start(run: str, parameters: dict[str, Any], cause: str = "by hand", compiled: Path = COMPILED) -> LocalRun:
    """Begin to run `compiled` with `parameters`. Raises SettingsError when `run` is there with other parameters."""
    settings = Settings.from_environment()
    first = RunLog(open_store(settings.store, patient=False), run)
    first.repeat(parameters)
    first.begin(parameters, cause)
    home = Path.cwd() / ".posterity" / "local" / run
    home.mkdir(parents=True, exist_ok=True)
    job = home / "job.json"
    job.write_text(json.dumps({"compiled": str(compiled), "root": str(home), "parameters": {**parameters, "run": run}}))
    log_file = home / "stages.log"
    with log_file.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "pipelines.local", str(job)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(settings),
            start_new_session=True,
        )
    return LocalRun(RunLog(open_store(settings.store), run), process, log_file)


def _environment(settings: Settings) -> dict[str, str]:
    """The stages find this interpreter as `python3` and the same store and registry from any folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "POSTERITY_STORE": settings.store,
        "POSTERITY_REGISTRY": settings.registry,
        "PYTHONUNBUFFERED": "1",
    }


def _child(job_file: Path) -> None:
    job = json.loads(job_file.read_text())
    RunLog(open_store(Settings.from_environment().store), job["parameters"]["run"]).claim()
    started = time.time()
    from kfp import components, local

    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=job["root"], raise_on_error=True)
    pipeline = components.load_component_from_text(_try_once(Path(job["compiled"]).read_text()))
    print(f"orchestrator ready after {time.time() - started:.1f} s")
    pipeline(**job["parameters"])


def _try_once(compiled: str) -> str:
    """A compiled pipeline without retries: they are for pods that are taken away, and nobody takes away a process of
    this machine."""
    pipeline, *_ = yaml.load_all(compiled, yaml.CSafeLoader)
    graphs = [pipeline["root"], *pipeline["components"].values()]
    for task in (task for graph in graphs for task in graph.get("dag", {}).get("tasks", {}).values()):
        task.pop("retryPolicy", None)
    return json.dumps(pipeline)  # which is YAML too, and much faster to write and to read


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
