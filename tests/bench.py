"""Run the stages of the pipeline one after the other in this process, through their components."""

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from kfp.dsl import HTML, Artifact, Markdown, Metrics, PipelineTaskFinalStatus

from posterity.store import ObjectStore, open_store
from tests.shop import SPEC, write_sales


class Bench:
    """A store and a source in `folder`, and the components as plain functions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = write_sales(folder / "sales.csv")
        self.store: ObjectStore = open_store(f"file://{folder}/store")
        self.model = SPEC
        self.as_of = "2026-02-28"
        self.shards = "2"
        self.chains = 4

    def artifact(self, run: str, name: str) -> Artifact:
        path = self.folder / "artifacts" / run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = {"report": HTML, "metrics": Metrics, "summary": Markdown}.get(name.partition("-")[0], Artifact)
        return kind(name=name, uri=str(path))

    def run(self, run: str = "r", until: str = "notify") -> dict[str, Any]:
        """Run the stages in their order up to `until`; returns the artifacts by name."""
        made: dict[str, Any] = {}

        def new(*names: str) -> dict[str, Any]:
            made.update({name: self.artifact(run, name) for name in names})
            return {name: made[name] for name in names} | {"report": self.artifact(run, f"report-{names[0]}")}

        def old(*names: str) -> dict[str, Any]:
            return {name: made[name] for name in names}

        common = {"run": run, "job": "job", "model": self.model}
        dated = {**common, "as_of": self.as_of}
        settings = {"seed": 1, "chains": self.chains, "shards": self.shards, "sampler": {"draws": 500}}
        steps: dict[str, Callable[[], Any]] = {
            "ingest": lambda: self.call(
                "ingest", source=str(self.source), cause="", **dated, **new("snapshot", "reported")
            ),
            "check_data": lambda: self.call("check_data", **old("snapshot"), **dated, **new("metrics")),
            "preprocess": lambda: self.call("preprocess", **old("snapshot"), **common, **new("clean")),
            "engineer_features": lambda: self.call("engineer_features", **old("clean"), **common, **new("features")),
            "plan": lambda: self.call("plan", **settings, **old("clean", "features"), **dated, **new("plan")),
            "sample": lambda: self.sample(run, common, made),
            "diagnose": lambda: self.call(
                "diagnose", **old("clean", "features", "plan", "draws"), **dated, **new("posterior", "metrics")
            ),
            "predict": lambda: self.call("predict", **old("clean", "posterior"), **dated, **new("product")),
            "evaluate": lambda: self.call(
                "evaluate", **old("clean", "product", "reported"), **dated, **new("scores", "metrics")
            ),
            "detect_drift": lambda: self.call(
                "detect_drift", **old("clean", "posterior", "scores"), **dated, **new("drift")
            ),
            "register": lambda: self.call(
                "register",
                **old("snapshot", "clean", "features", "plan", "posterior", "product", "scores", "drift"),
                **dated,
                **new("version", "summary", "metrics", "lineage"),
            ),
            "notify": lambda: self.notify(run, "SUCCEEDED"),
        }
        for name, step in steps.items():
            result = step()
            if name == "plan":
                made["shards"] = result
            if name == until:
                break
        return made

    def made(self, run: str = "first") -> dict[str, Any]:
        """What `run` gave for a run of before; what was logged as a metric is not in it."""
        names = sorted(path.name for path in (self.folder / "artifacts" / run).iterdir())
        shards = [name.removeprefix("draws-") for name in names if name.startswith("draws-")]
        draws = [self.artifact(run, f"draws-{shard}") for shard in shards]
        return {name: self.artifact(run, name) for name in names} | {"draws": draws, "shards": shards}

    def sample(self, run: str, common: dict[str, str], made: dict[str, Any]) -> None:
        made["draws"] = []
        for shard in made["shards"]:
            draws = self.artifact(run, f"draws-{shard}")
            self.call("sample", shard=shard, plan=made["plan"], draws=draws, **common)
            made["draws"].append(draws)

    def notify(self, run: str, state: str) -> str:
        """The exit handler; returns its summary."""
        summary = self.artifact(run, "summary-notify")
        common = {"run": run, "job": "job", "model": self.model, "as_of": self.as_of, "cause": ""}
        self.call("notify", **common, status=final_status(state), summary=summary)
        return Path(summary.path).read_text()

    @staticmethod
    def call(name: str, **arguments: Any) -> Any:
        component = getattr(import_module(f"components.{name}"), name)
        if name == "sample":
            arguments.pop("report", None)
        return component.python_func(**arguments)


def final_status(state: str) -> PipelineTaskFinalStatus:
    return PipelineTaskFinalStatus(
        state=state,
        pipeline_job_resource_name="job",
        pipeline_task_name="experiment",
        error_code=None,
        error_message="",
    )


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One MLflow database for all tests of stages: making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('registry')}/registry.db"


def bench_in(folder: Path, registry: str, patch: pytest.MonkeyPatch) -> Bench:
    patch.chdir(folder)
    patch.setenv("POSTERITY_STORE", f"file://{folder}/store")
    patch.setenv("POSTERITY_REGISTRY", registry)
    bench = Bench(folder)
    bench.source = Path("sales.csv")  # the same name in every copy of the folder, so that its run is found again
    return bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: str) -> Bench:
    """Nothing has run yet."""
    return bench_in(tmp_path, registry, monkeypatch)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        bench_in(folder, registry, patch).run("first")
    return folder


@pytest.fixture
def ran(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: str) -> Bench:
    """The run `first` is over; a copy for each test."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return bench_in(tmp_path, registry, monkeypatch)
