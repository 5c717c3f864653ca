"""What a run leaves in the store while it goes: its parameters, its stages, their progress and errors.

Kubeflow gives an exit handler no message and kfp.local swallows output, so everybody who wants to know how a run
does (live display, `posterity runs`, notify, the report) reads these objects.
"""

import json
import os
import socket
import time
import traceback
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from posterity.errors import NotFoundError, SettingsError
from posterity.registry.identity import who
from posterity.store import ObjectStore, Reference

Status = Literal["running", "ran", "reused", "failed"]

INDEX = "runs/.index/"  # <time of begin>~<run>: what is newest is seen without reading every run

PARAMETERS = ("model", "source", "as_of", "seed", "chains", "shards", "sampler")

ORDER = (
    "ingest",
    "check_data",
    "preprocess",
    "engineer_features",
    "plan",
    "sample",
    "diagnose",
    "predict",
    "evaluate",
    "detect_drift",
    "register",
    "notify",
)


@dataclass(frozen=True)
class StageError:
    """Why a stage stopped. `exit_code` tells whether to retry (see `posterity.errors`)."""

    kind: str
    message: str
    exit_code: int
    trace: str

    @classmethod
    def of(cls, error: BaseException) -> "StageError":
        trace = "".join(traceback.format_exception(error))
        return cls(type(error).__name__, str(error), getattr(error, "exit_code", 1), trace)


@dataclass(frozen=True)
class StageRecord:
    """One stage of one run; `part` tells the shards of a stage apart. `pods` are those of its attempts on a cluster.

    started: seconds since the epoch; seconds: of work; memory: most MiB that its process has held.
    """

    stage: str
    status: Status
    part: str = ""
    why: str = ""
    started: float = 0.0
    seconds: float = 0.0
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    section: str = ""
    error: StageError | None = None
    pods: tuple[str, ...] = ()
    memory: float = 0.0

    @property
    def name(self) -> str:
        """The stage's name, with its part where it has one."""
        return f"{self.stage}.{self.part}" if self.part else self.stage

    def output(self, name: str) -> Reference:
        """One of the references that the stage made. Raises NotFoundError."""
        if name not in self.outputs:
            raise NotFoundError(
                f"stage {self.stage} has no output {name!r}; it has {', '.join(self.outputs) or 'none'}"
            )
        return Reference(**self.outputs[name])


class RunLog:
    """The objects under `runs/<run>/`; each has one writer."""

    def __init__(self, store: ObjectStore, run: str) -> None:
        self.store = store
        self.run = run

    def begin(self, parameters: dict[str, Any], cause: str, job: str = "", link: str = "") -> None:
        """Write down what was asked for, by what (`by hand`, `cron`, …) and by whom, and on a cluster the identifier of
        the pipeline's run and its page in the dashboard; a repetition changes nothing."""
        if self.store.size(f"runs/{self.run}/run.json") is None:
            facts = {"run": self.run, "parameters": parameters, "cause": cause, "who": who(), "created": time.time()}
            facts |= {"job": job, "link": link} if job else {}
            self.store.put(f"{INDEX}{time.time_ns():020d}~{self.run}", b"1")
            self.store.put(f"runs/{self.run}/run.json", json.dumps(facts).encode())

    def repeat(self, parameters: dict[str, Any]) -> None:
        """Make room for another attempt under the same name: what the stages of the last one left is removed.

        Raises SettingsError when the run was started with other parameters.
        """
        found = self.store.read(f"runs/{self.run}/run.json")
        before = json.loads(found[0])["parameters"] if found else parameters
        if before != json.loads(json.dumps(parameters)):
            different = sorted(name for name in {*before, *parameters} if before.get(name) != parameters.get(name))
            raise SettingsError(
                f"run {self.run} is there with another {', '.join(different)}; give this one another name"
            )
        for kind in ("stages", "progress"):
            for key in list(self.store.list(f"runs/{self.run}/{kind}/")):
                self.store.delete(key)

    def claim(self) -> None:
        """Write down that this process runs the stages, so that others can tell whether it still does."""
        facts = {"host": socket.gethostname(), "pid": os.getpid()}
        self.store.overwrite(f"runs/{self.run}/process.json", json.dumps(facts).encode())

    def state(self) -> str:
        """`done`, `running`, `failed in`, `killed in` or `stopped after` a stage, `interrupted`, or `not ended` where
        that cannot be told from here."""
        if self.failure:
            return f"failed in {self.failure.name}"
        records = self.stages()
        ended = {record.stage: record.name for record in records if record.status != "running"}
        if "notify" in ended:
            killed = next((record.name for record in records if record.status == "running"), "")
            before = [name for stage, name in ended.items() if stage != "notify"]
            ended_early = f"stopped after {before[-1]}" if before else "stopped before its first stage"
            return f"killed in {killed}" if killed else "done" if "register" in ended else ended_early
        found = self.store.read(f"runs/{self.run}/process.json")
        facts = json.loads(found[0]) if found else {}
        if facts.get("host") != socket.gethostname():
            return "not ended"
        return "running" if _is_alive(facts["pid"]) else "interrupted"

    def facts(self) -> dict[str, Any]:
        """What `begin` wrote. Raises NotFoundError naming the run."""
        found = self.store.read(f"runs/{self.run}/run.json")
        if not found:
            raise NotFoundError(f"no run {self.run!r} in {self.store.url}; `posterity runs` lists them")
        return dict(json.loads(found[0]))

    def parameters(self) -> dict[str, Any]:
        """The parameters of the run: what it was started with, what its stages were given, what it was pinned to."""
        found = self.store.read(f"runs/{self.run}/run.json")
        started = dict(json.loads(found[0])["parameters"]) if found else {}
        inputs = [record.inputs.items() for record in self.stages() if not record.part]
        given = {name: value for items in inputs for name, value in items if name in PARAMETERS}
        pinned = self.store.read(f"runs/{self.run}/pinned.json")
        instead = json.loads(pinned[0]).get("parameters", {}) if pinned else {}
        return {**{name: given[name] for name in PARAMETERS if name in given}, **started, **instead}

    def write(self, record: StageRecord) -> None:
        """Replace the record of a stage."""
        self.store.overwrite(f"runs/{self.run}/stages/{record.name}.json", json.dumps(asdict(record)).encode())

    def stages(self) -> list[StageRecord]:
        """The records of all stages so far, in the order of the pipeline."""
        keys = self.store.list(f"runs/{self.run}/stages/")
        records = [_record(self.store.get(key)) for key in keys]
        return sorted(records, key=lambda record: (ORDER.index(record.stage), record.part))

    def stage(self, name: str) -> StageRecord:
        """The record of one stage (`sample.0,1` for a shard). Raises NotFoundError."""
        found = self.last_attempt(name)
        if not found:
            there = ", ".join(record.name for record in self.stages()) or "none"
            raise NotFoundError(f"run {self.run} has no record of stage {name!r}; it has {there}")
        return found

    def last_attempt(self, name: str) -> StageRecord | None:
        """The record of a stage or shard as it was left, None where there is none yet."""
        found = self.store.read(f"runs/{self.run}/stages/{name}.json")
        return _record(found[0]) if found else None

    def report_progress(self, name: str, facts: dict[str, Any]) -> None:
        """Replace the progress of a stage or shard; shown live."""
        self.store.overwrite(f"runs/{self.run}/progress/{name}.json", json.dumps(facts).encode())

    def progress(self) -> dict[str, dict[str, Any]]:
        """Name of a stage or shard → the last progress it reported."""
        keys = self.store.list(f"runs/{self.run}/progress/")
        return {key.rpartition("/")[2].removesuffix(".json"): json.loads(self.store.get(key)) for key in keys}

    @property
    def failure(self) -> StageRecord | None:
        """The first stage that failed, None while all is well."""
        return next((record for record in self.stages() if record.status == "failed"), None)


def list_runs(store: ObjectStore, last: int | None = None) -> list[dict[str, Any]]:
    """What `RunLog.facts` gives for the `last` runs that were begun (None: for all), the newest first."""
    names = list(dict.fromkeys(key.rpartition("~")[2] for key in reversed(list(store.list(INDEX)))))
    found = (store.read(f"runs/{name}/run.json") for name in names[:last])
    return [dict(json.loads(item[0])) for item in found if item]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _record(data: bytes) -> StageRecord:
    facts = json.loads(data)
    if facts["error"]:
        facts["error"] = StageError(**facts["error"])
    return StageRecord(**{**facts, "pods": tuple(facts.get("pods", ()))})
