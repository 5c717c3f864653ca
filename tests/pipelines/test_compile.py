"""The compiled pipeline: fresh, quick to start, and accepted by kfp's own commands."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from pipelines.compile import COMPILED, compile_experiment
from posterity.runs import ORDER

KFP = Path(sys.executable).with_name("kfp")
CREATED = "2026-02-28T12:00:00Z"
RUN = {"run_id": "r", "display_name": "try", "state": "PENDING", "experiment_id": "e", "created_at": CREATED}


@pytest.fixture(scope="module")
def compiled() -> tuple[dict[str, Any], dict[str, Any]]:
    """Pipeline spec and platform spec."""
    documents = list(yaml.safe_load_all(COMPILED.read_text()))
    return documents[0], documents[1] if len(documents) > 1 else {}


def tasks_of(part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from part.get("dag", {}).get("tasks", {}).items()


def test_the_committed_yaml_is_what_the_pipeline_compiles_to(tmp_path: Path) -> None:
    fresh = compile_experiment(tmp_path / "fresh.yaml")
    assert fresh.read_text() == COMPILED.read_text(), "stale: run `make compile` and commit it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh.yaml"]


def test_every_stage_is_a_task_and_none_is_cached_by_the_backend(compiled: tuple[dict[str, Any], Any]) -> None:
    spec = compiled[0]
    parts = [spec["root"], *spec["components"].values()]
    tasks = {name: task for part in parts for name, task in tasks_of(part)}
    stages = {
        name for name, task in tasks.items() if "executorLabel" in spec["components"][task["componentRef"]["name"]]
    }
    assert {name.replace("-", "_") for name in stages} == set(ORDER)
    # kfp leaves enableCache out where it is off.
    assert [name for name in stages if tasks[name].get("cachingOptions", {}).get("enableCache")] == []
    assert [name for name in stages if "cachingOptions" not in tasks[name]] == []


def test_no_pod_installs_anything(compiled: tuple[dict[str, Any], Any]) -> None:
    executors = compiled[0]["deploymentSpec"]["executors"]
    assert len(executors) == len(ORDER)
    for name, executor in executors.items():
        text = " ".join(executor["container"]["command"])
        assert "pip install" not in text, name
        assert executor["container"]["image"] == "posterity/stage:dev", name


def test_kfp_compiles_the_source_to_the_same(tmp_path: Path) -> None:
    source = COMPILED.with_suffix(".py")
    done = kfp("dsl", "compile", "--py", str(source), "--function", "experiment", "--output", str(tmp_path / "k.yaml"))
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((tmp_path / "k.yaml").read_text()) == yaml.safe_load(COMPILED.read_text())


class Api(BaseHTTPRequestHandler):
    """As much of the KFP 2 API as `kfp run create -f` asks for; what is posted is kept."""

    posted: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.endswith("/healthz"):
            self.answer({"multi_user": False})
        elif path.endswith("/experiments"):
            self.answer({"experiments": [{"experiment_id": "e", "display_name": "Default"}], "total_size": 1})
        else:
            self.answer(RUN)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.posted.append((urlsplit(self.path).path, body))
        self.answer(RUN)

    def answer(self, facts: dict[str, Any]) -> None:
        data = json.dumps(facts).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever)
    thread.start()
    Api.posted.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_kfp_creates_a_run_from_it(api: str) -> None:
    arguments = ("--experiment-name", "Default", "--run-name", "try", "-f", str(COMPILED), "as_of=2013-03-31")
    done = kfp("--endpoint", api, "run", "create", *arguments)
    assert done.returncode == 0, done.stderr
    path, run = Api.posted[-1]
    assert path == "/apis/v2beta1/runs"
    spec = run["pipeline_spec"].get("pipeline_spec", run["pipeline_spec"])
    assert spec["pipelineInfo"]["name"] == "posterity-experiment"
    assert run["runtime_config"]["parameters"] == {"as_of": "2013-03-31"}


def kfp(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.run([KFP, *arguments], capture_output=True, text=True, check=False, env=environment)
