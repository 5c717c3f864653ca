"""The store and the registry in the cluster: what is kept through a restart, and who may read what."""

from io import BytesIO

import pytest
from minio import Minio
from minio.error import S3Error

from posterity.errors import UnavailableError
from posterity.store.s3 import S3Store

from .lab import Lab

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
