"""What the API server and the cluster say of the manifests."""

import json

import pytest
import yaml

from .cluster import until
from .lab import ROOT, CommandError, Lab

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("overlay", ["kind", "lab", "production"])
def test_the_api_server_accepts_every_object(lab: Lab, overlay: str) -> None:
    rendered = lab.kubectl("kustomize", str(ROOT / "manifests/overlays" / overlay))
    apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=posterity")
    lab.kubectl(*apply, "-k", str(ROOT / "manifests/base/namespaces"))
    objects = list(yaml.safe_load_all(rendered))
    for item in objects:
        if item["kind"] == "Job":  # one that exists cannot be changed, only deleted
            item["metadata"]["name"] += "-again"
    answer = lab.kubectl(*apply, "--dry-run=server", "--validate=strict", "-f", "-", given=yaml.safe_dump_all(objects))
    assert len(answer.splitlines()) == len(objects)


def test_deploying_again_makes_no_pod_and_no_credential_anew(deployed: Lab, tag: str) -> None:
    def found() -> set[tuple[str, str]]:
        selector = "app.kubernetes.io/name in (minio, posterity-registry, posterity-server)"
        pods = json.loads(deployed.kubectl("get", "pods", "-A", "-l", selector, "-o", "json"))["items"]
        staying = [pod["metadata"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return {(pod["name"], pod["uid"]) for pod in staying}

    until(lambda: len(found()) == 5, 120)  # one each, and a second production server by the autoscaler
    before, credentials = found(), deployed.secret("minio-users")
    said = deployed.make("deploy", f"TAG={tag}")
    assert found() == before
    assert deployed.secret("minio-users") == credentials
    assert "made" not in said
    assert "changed" not in said
    assert "kubeflow/minio-setup is done" in said
    assert said.splitlines()[-1].startswith("Next: make ")


def test_a_cluster_that_has_kubeflow_pipelines_is_prepared_by_its_context(deployed: Lab) -> None:
    said = deployed.make("cluster", "PIPELINES=")
    assert "secret kubeflow/minio-root kept" in said
    assert said.splitlines()[-1].startswith("Next: make images")


def test_an_overlay_that_is_not_filled_in_is_refused(lab: Lab) -> None:
    with pytest.raises(
        CommandError, match=r"NAME=value .*kubeflow/posterity-registry-database/MLFLOW_BACKEND_STORE_URI"
    ):
        lab.make("deploy", "OVERLAY=production", "TAG=any")
