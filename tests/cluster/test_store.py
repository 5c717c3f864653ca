"""The store and the registry in the cluster: what is kept through a restart, and who may read what."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from minio import Minio
from minio.error import S3Error

from posterity.errors import UnavailableError
from posterity.store.s3 import S3Store

from .cluster import until
from .lab import Lab, restricted

pytestmark = pytest.mark.cluster


def client(lab: Lab, address: str, secret: str, namespace: str) -> Minio:
    """A client with the credentials that pods get."""
    keys = lab.secret(secret, namespace)
    return Minio(address, keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], secure=False, region="us-east-1")


def test_pods_get_the_credentials_of_their_own_user(deployed: Lab) -> None:
    with deployed.forward("minio-service", 9000) as address:
        stages = client(deployed, address, "posterity-store", "kubeflow")
        server = client(deployed, address, "posterity-store", "posterity")
        registry = client(deployed, address, "posterity-registry-store", "kubeflow")
        stages.put_object("posterity", "snapshots/test/raw.parquet", BytesIO(b"1"), 1)
        stages.put_object("posterity", "products/test/product.json", BytesIO(b"1"), 1)
        assert server.get_object("posterity", "products/test/product.json").read() == b"1"
        for forbidden in (server, registry):
            with pytest.raises(S3Error, match="Access Denied"):
                forbidden.get_object("posterity", "snapshots/test/raw.parquet")
            with pytest.raises(S3Error, match="Access Denied"):
                forbidden.put_object("posterity", "products/test/product.json", BytesIO(b"2"), 1)


def test_what_was_stored_is_there_after_minio_is_made_again(deployed: Lab) -> None:
    with deployed.forward("minio-service", 9000) as address:
        stages = client(deployed, address, "posterity-store", "kubeflow")
        version = stages.put_object("posterity", "runs/restart/run.json", BytesIO(b"kept"), 4).version_id
    deployed.kubectl("delete", "pod", "minio-0", "-n", "kubeflow", "--grace-period=1")
    deployed.kubectl("rollout", "status", "statefulset/minio", "-n", "kubeflow", "--timeout=120s")
    with deployed.forward("minio-service", 9000) as address:
        stages = client(deployed, address, "posterity-store", "kubeflow")
        assert stages.get_object("posterity", "runs/restart/run.json", version_id=version).read() == b"kept"


def test_a_full_bucket_is_one_clear_error(deployed: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    root = deployed.secret("minio-root")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", root["MINIO_ROOT_USER"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", root["MINIO_ROOT_PASSWORD"])
    with deployed.forward("minio-service", 9000) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{address}")
        from posterity.store import provision

        store = S3Store.from_environment("full")
        plan = provision.Plan({"full": provision.Bucket(quota=1)}, {}, {}, {})
        list(provision.provision(store.client, provision.administrator(store), plan))
        with pytest.raises(UnavailableError, match=r"s3://full is full .*quota"):
            store.put("runs/x", b"12")
        store.client.remove_bucket("full")


def test_new_sources_are_told_to_a_listener_in_the_cluster(deployed: Lab, tag: str) -> None:
    with listener(deployed, tag):
        set_up_again(deployed)
        with deployed.forward("minio-service", 9000) as address:
            operator = client(deployed, address, "posterity-operator", "kubeflow")
            for key in ("runs/told/run.json", "sources/told.csv"):
                operator.put_object("posterity", key, BytesIO(b"1"), 1)
        told = until(lambda: deployed.kubectl("logs", "store-events", "-n", "kubeflow").splitlines(), 60)
    assert told == ["posterity/sources/told.csv"]
    set_up_again(deployed)


@contextmanager
def listener(lab: Lab, tag: str) -> Iterator[None]:
    """A pod that writes the key of every object that it is told of, and the Secret that names it to MinIO."""
    program = (
        "import http.server, json\n"
        "class Webhook(http.server.BaseHTTPRequestHandler):\n"
        "    def do_HEAD(self):\n"
        "        self.send_response(200)\n"
        "        self.end_headers()\n"
        "    def do_POST(self):\n"
        "        print(json.loads(self.rfile.read(int(self.headers['Content-Length'])))['Key'], flush=True)\n"
        "        self.do_HEAD()\n"
        "    def log_message(self, *words): ...\n"
        "http.server.ThreadingHTTPServer(('', 8080), Webhook).serve_forever()\n"
    )
    labels = {"app.kubernetes.io/component": "store-events"}
    spec = restricted(f"posterity/stage:{tag}", ["python", "-c", program], cpu="200m", memory="128Mi")
    endpoint = "http://store-events.kubeflow:8080/"
    given = {"MINIO_NOTIFY_WEBHOOK_ENABLE_SOURCES": "on", "MINIO_NOTIFY_WEBHOOK_ENDPOINT_SOURCES": endpoint}
    objects: list[dict[str, Any]] = [
        {"kind": "Pod", "metadata": {"labels": labels}, "spec": spec},
        {"kind": "Service", "spec": {"selector": labels, "ports": [{"port": 8080}]}},
        {"kind": "Secret", "stringData": given},
    ]
    for item, name in zip(objects, ("store-events", "store-events", "minio-events"), strict=True):
        item |= {"apiVersion": "v1", "metadata": {**item.get("metadata", {}), "name": name, "namespace": "kubeflow"}}
        lab.kubectl("create", "-f", "-", given=json.dumps(item))
    try:
        lab.kubectl("wait", "pod/store-events", "-n", "kubeflow", "--for=condition=Ready", "--timeout=120s")
        yield
    finally:
        lab.kubectl(
            "delete", "-n", "kubeflow", "secret/minio-events", "service/store-events", "pod/store-events", "--now"
        )


def set_up_again(lab: Lab) -> None:
    """MinIO takes up its settings, and the Job that sets it up runs once more."""
    lab.kubectl("rollout", "restart", "statefulset/minio", "-n", "kubeflow")
    lab.kubectl("rollout", "status", "statefulset/minio", "-n", "kubeflow", "--timeout=120s")
    job = lab.get("job", "minio-setup", "kubeflow")
    spec = job["spec"]["template"]["spec"]
    labels = {"app.kubernetes.io/name": "minio-setup"}
    again = {"template": {"metadata": {"labels": labels}, "spec": spec}, "backoffLimit": job["spec"]["backoffLimit"]}
    metadata = {"name": "minio-setup", "namespace": "kubeflow", "labels": job["metadata"]["labels"]}
    made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": again}
    lab.kubectl("delete", "job", "minio-setup", "-n", "kubeflow")
    lab.kubectl("create", "-f", "-", given=json.dumps(made))
    lab.kubectl("wait", "job/minio-setup", "-n", "kubeflow", "--for=condition=Complete", "--timeout=180s")


def test_what_was_registered_is_there_after_the_registry_is_made_again(deployed: Lab, tag: str) -> None:
    from mlflow import MlflowClient

    with deployed.forward("posterity-registry", 5000) as address:
        registry = MlflowClient(f"http://{address}")
        name = f"restart-{tag}"
        there = registry.get_experiment_by_name(name)
        experiment = there.experiment_id if there else registry.create_experiment(name)
        run = registry.create_run(experiment).info.run_id
        registry.log_text(run, "kept", "note.txt")
    deployed.kubectl("delete", "pod", "-n", "kubeflow", "-l", "app.kubernetes.io/name=posterity-registry")
    deployed.kubectl("rollout", "status", "deployment/posterity-registry", "-n", "kubeflow", "--timeout=180s")
    with deployed.forward("posterity-registry", 5000) as address:
        registry = MlflowClient(f"http://{address}")
        assert registry.get_run(run).info.experiment_id == experiment
        assert [item.path for item in registry.list_artifacts(run)] == ["note.txt"]
