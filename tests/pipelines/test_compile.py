"""The compiled pipeline: fresh, quick to start, and accepted by kfp's own commands."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from pipelines.compile import COMPILED, compile_all, compile_manifest, compile_pipeline
from pipelines.compile_settings import CompileSettings, read_settings
from posterity.runs import ORDER
from posterity.settings import Settings

KFP = Path(sys.executable).with_name("kfp")
CREATED = "2026-02-28T12:00:00Z"
RUN = {"run_id": "r", "display_name": "try", "state": "PENDING", "experiment_id": "e", "created_at": CREATED}


@pytest.fixture(scope="module")
def compiled() -> tuple[dict[str, Any], dict[str, Any]]:
    """Pipeline spec and platform spec."""
    documents = list(yaml.safe_load_all(COMPILED.read_text()))
    return documents[0], documents[1] if len(documents) > 1 else {}


def stages_of(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The tasks that run in pods of their own."""
    parts = [spec["root"], *spec["components"].values()]
    tasks = {name: task for part in parts for name, task in part.get("dag", {}).get("tasks", {}).items()}
    return {name: task for name, task in tasks.items() if "executorLabel" in component_of(spec, task)}


def component_of(spec: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["components"][task["componentRef"]["name"]]
    return found


def test_the_committed_yaml_is_what_the_pipelines_compile_to(tmp_path: Path) -> None:
    for fresh in compile_all(tmp_path):
        committed = COMPILED.with_name(fresh.name)
        assert fresh.read_text() == committed.read_text(), "stale: run `make compile` and commit it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiment.yaml", "production.yaml", "staging.yaml"]


@pytest.mark.parametrize(
    ("pipeline", "tasks"),
    [
        ("staging", {"deploy", "probe", "record", "deploy-2", "promote"}),
        ("production", {"check", "deploy", "promote"}),
    ],
)
def test_releases_run_as_stages_do_and_know_the_secrets_of_releases(pipeline: str, tasks: set[str]) -> None:
    spec, platform = documents(COMPILED.with_name(f"{pipeline}.yaml"))
    assert set(stages_of(spec)) == tasks
    for name, pod in pods_of((spec, platform)).items():
        assert pod["securityContext"] == {"runAsUser": "10001", "runAsNonRoot": True}, name
        assert "posterity-release" in {source["secretName"] for source in pod["secretAsEnv"]}, name
        assert "pip install" not in " ".join(spec["deploymentSpec"]["executors"][name]["container"]["command"])
    never = {name: task.get("retryPolicy", {}).get("maxRetryCount", 0) for name, task in stages_of(spec).items()}
    assert {name for name, count in never.items() if not count} == tasks & {"record", "check", "promote"}


def test_every_pipeline_is_compiled_with_the_same_settings(tmp_path: Path) -> None:
    settings = CompileSettings(image="registry.example.org/posterity/stage:1a2b3c")
    for name in ("staging", "production"):
        spec = documents(compile_pipeline(tmp_path / "filled.yaml", name, settings))[0]
        images = {item["container"]["image"] for item in spec["deploymentSpec"]["executors"].values()}
        assert images == {settings.image}


def test_every_stage_is_a_task_and_none_is_cached_by_the_backend(compiled: tuple[dict[str, Any], Any]) -> None:
    spec = compiled[0]
    stages = stages_of(spec)
    assert {name.replace("-", "_") for name in stages} == set(ORDER)
    # kfp leaves enableCache out where it is off.
    assert [name for name in stages if stages[name].get("cachingOptions", {}).get("enableCache")] == []
    assert [name for name in stages if "cachingOptions" not in stages[name]] == []


def test_every_stage_may_run_under_restricted_pod_security(compiled: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for name, pod in pods_of(compiled).items():
        assert pod["securityContext"] == {"runAsUser": "10001", "runAsNonRoot": True}, name


def test_settings_and_credentials_come_by_reference(compiled: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for name, pod in pods_of(compiled).items():
        needed = {item["envVar"] for source in sources_of(pod) if not source["optional"] for item in source["keyToEnv"]}
        assert needed == {"POSTERITY_STORE", "POSTERITY_REGISTRY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, name
        known = {f"POSTERITY_{item.name.upper()}" for item in fields(Settings)}
        given = {item["envVar"] for source in sources_of(pod) for item in source["keyToEnv"]}
        assert {variable for variable in given if variable.startswith("POSTERITY_")} <= known


def test_a_stage_gets_no_secret_that_it_does_not_use(compiled: tuple[dict[str, Any], dict[str, Any]]) -> None:
    secrets = {name: {source["secretName"] for source in pod["secretAsEnv"]} for name, pod in pods_of(compiled).items()}
    assert {name for name, known in secrets.items() if "posterity-pseudonyms" in known} == {"exec-ingest"}
    assert {name for name, known in secrets.items() if "posterity-alerts" in known} == {"exec-notify"}


def test_the_window_of_retries_outlasts_all_attempts(compiled: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """When it closes, the attempt that runs is killed."""
    spec, _ = compiled
    deadlines = {name: int(pod["activeDeadlineSeconds"]) for name, pod in pods_of(compiled).items()}
    policies = {name: task["retryPolicy"] for name, task in stages_of(spec).items()}
    assert len(policies) == len(ORDER)
    for name, policy in policies.items():
        window = int(policy["backoffMaxDuration"].removesuffix("s"))
        assert window > (policy["maxRetryCount"] + 1) * deadlines[f"exec-{name}"], name
        assert window >= 86400


def pods_of(compiled: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Executor → what Kubernetes is told of its pods."""
    found: dict[str, dict[str, Any]] = compiled[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(found) == set(compiled[0]["deploymentSpec"]["executors"])
    return found


def sources_of(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["configMapAsEnv"], *pod["secretAsEnv"]]


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
    assert documents(tmp_path / "k.yaml") == documents(COMPILED)


FILLED = """
image: registry.example.org/posterity/stage:1a2b3c
sample_image: registry.example.org/posterity/sample:1a2b3c
pull_policy: Always
parallelism: 8
config_map: settings
store_secret: store
stages: {memory_limit: 2Gi, deadline: 90m, retries: 1}
sample:
  cpu_limit: 4
  retries: 20
  node_selector: {pool: spot}
  tolerations: [{key: spot, operator: Equal, value: "yes", effect: NoSchedule, tolerationSeconds: 60}]
notify: {retries: 0}
"""
# What settings may change, as paths into the two documents of a compiled pipeline.
CHANGED = re.compile(
    r"0\.deploymentSpec\.executors\.exec-[\w-]+\.container\.(image|resources\..*)"
    r"|0\..*\.tasks\.[\w-]+\.retryPolicy\.\w+|0\..*\.tasks\.for-loop-\d\.iteratorPolicy\.parallelismLimit"
    r"|1\.platforms\.kubernetes\.deploymentSpec\.executors\.exec-[\w-]+\.(activeDeadlineSeconds|imagePullPolicy"
    r"|(configMapAsEnv|secretAsEnv)\.\d+\.(configMapName|secretName)(Parameter\..*)?|nodeSelector\..*|tolerations\..*)"
)


def test_settings_fill_in_what_they_say_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(FILLED)
    filled = compile_pipeline(tmp_path / "filled.yaml", settings=read_settings([str(tmp_path / "settings.yaml")]))
    before, after = leaves(documents(COMPILED)), leaves(documents(filled))
    different = {path: after.get(path) for path in {*before, *after} if before.get(path) != after.get(path)}
    assert [path for path in different if not CHANGED.fullmatch(path)] == []
    sample = "1.platforms.kubernetes.deploymentSpec.executors.exec-sample"
    container = "0.deploymentSpec.executors.exec-sample.container"
    register = "0.deploymentSpec.executors.exec-register.container"
    expected = {
        f"{container}.image": "registry.example.org/posterity/sample:1a2b3c",
        f"{container}.resources.resourceCpuLimit": "4",
        f"{register}.image": "registry.example.org/posterity/stage:1a2b3c",
        f"{register}.resources.resourceMemoryLimit": "2Gi",
        f"{sample}.nodeSelector.labels.pool": "spot",
        f"{sample}.tolerations.0.value": "yes",
        f"{sample}.tolerations.0.tolerationSeconds": "60",
        f"{sample}.secretAsEnv.0.secretName": "store",
        f"{sample}.configMapAsEnv.0.configMapNameParameter.runtimeValue.constant": "settings",
        "1.platforms.kubernetes.deploymentSpec.executors.exec-register.activeDeadlineSeconds": "5400",
        "0.root.dag.tasks.notify.retryPolicy.maxRetryCount": None,
    }
    assert {path: different.get(path, "as before") for path in expected} == expected
    assert 8 in [value for path, value in different.items() if path.endswith("parallelismLimit")]


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Path → plain value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return {path: value}
    return {at: leaf for name, part in items for at, leaf in leaves(part, f"{path}.{name}".lstrip(".")).items()}


def test_pipelines_can_be_resources_of_kubernetes(tmp_path: Path) -> None:
    pipeline, version = documents(
        compile_manifest(tmp_path / "pipeline.yaml", "experiment", CompileSettings(), "kubeflow")
    )
    assert (pipeline["kind"], pipeline["metadata"]["name"]) == ("Pipeline", "posterity-experiment")
    assert (version["kind"], version["spec"]["pipelineName"]) == ("PipelineVersion", "posterity-experiment")
    assert [version["spec"]["pipelineSpec"], version["spec"]["platformSpec"]] == documents(COMPILED)
    again, other = CompileSettings(), CompileSettings(parallelism=2)
    names = [
        documents(compile_manifest(tmp_path / "p.yaml", "experiment", item, "a"))[1]["metadata"]["name"]
        for item in (again, other)
    ]
    assert names[0] == version["metadata"]["name"] != names[1], "a version is called by its content"


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
