"""A backend, a cluster and a store, each behind HTTP, and settings that name them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import compile as compiling
from pipelines.compile_settings import CompileSettings
from posterity.settings import Settings
from posterity.store import ObjectStore, open_store
from tests.pipelines.kubeflow.backend import Backend, Kubernetes, serve
from tests.store.servers import BUCKET, KEYS, make_bucket, moto

KEY_DATA = {"POSTERITY_STORE": "s3://posterity", "POSTERITY_REGISTRY": "http://registry"}
STORE_KEYS = {"AWS_ACCESS_KEY_ID": "eA==", "AWS_SECRET_ACCESS_KEY": "eA=="}


@dataclass(frozen=True)
class Place:
    """Where runs are submitted to."""

    backend: Backend
    kubernetes: Kubernetes
    settings: Settings
    store: ObjectStore


@pytest.fixture(scope="package", autouse=True)
def _compiled_once() -> Iterator[None]:
    """The same settings make the same pipelines; kfp asks for the call stack at every task, seconds long in a test."""
    compiled: dict[str, dict[str, tuple[str, str]]] = {}
    compile_anew = compiling.versions

    def versions(settings: CompileSettings = compiling.DEFAULTS) -> dict[str, tuple[str, str]]:
        if (key := repr(settings)) not in compiled:
            compiled[key] = compile_anew(settings)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "versions", versions)
        yield


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The endpoint of an S3 server with a bucket."""
    with moto() as endpoint:
        make_bucket(endpoint)
        yield endpoint


@pytest.fixture
def place(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    backend, kubernetes = Backend(), Kubernetes()
    images = [{"names": [f"docker.io/posterity/{name}:dev"]} for name in ("stage", "sample")]
    kubernetes.objects = {
        "posterity-settings": {"kind": "ConfigMap", "data": dict(KEY_DATA)},
        "posterity-store": {"kind": "Secret", "data": dict(STORE_KEYS)},
        "nodes": {"kind": "NodeList", "items": [{"metadata": {"name": "n"}, "status": {"images": images}}]},
    }
    with serve(backend.answer) as api, serve(kubernetes.answer) as cluster:
        url = f"s3://{BUCKET}/{tmp_path.name}"
        environment = {
            **KEYS,
            "AWS_ENDPOINT_URL_S3": s3,
            "POSTERITY_STORE": url,
            "POSTERITY_API_ENDPOINT": api,
            "POSTERITY_DASHBOARD_URL": "http://dashboard",
            "KUBECONFIG": str(kubernetes.write_kubeconfig(tmp_path / "kubeconfig", cluster)),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        # kubernetes looks for the file's name when it is imported
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", environment["KUBECONFIG"])
        monkeypatch.chdir(tmp_path)
        yield Place(backend, kubernetes, Settings.from_environment(), open_store(url))
