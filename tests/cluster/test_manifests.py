"""What the API server and the cluster say of the manifests."""

import pytest
import yaml

from .lab import ROOT, Lab

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


def test_everything_stands(deployed: Lab) -> None:
    pods = deployed.kubectl("get", "pods", "-A", "-l", "app.kubernetes.io/part-of=posterity", "--no-headers")
    states = {line.split()[1].rsplit("-", 1)[0]: line.split()[3] for line in pods.splitlines()}
    assert states["minio"] == "Running"
    assert states["minio-setup"] == "Completed"
    assert {state for name, state in states.items() if name != "minio-setup"} == {"Running"}
