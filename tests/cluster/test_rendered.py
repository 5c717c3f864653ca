"""What kustomize makes of the manifests, held against committed files and against the rules of the house."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from posterity.errors import CorruptError, GateError, RefusedError, UnavailableError

from .lab import ROOT, Lab

pytestmark = pytest.mark.cluster

HERE = Path(__file__).parent
OVERLAYS = ("kind", "lab", "production")
BY_URL = re.compile(
    r"^- https://github\.com/kubeflow/pipelines/manifests/kustomize/\S+\?ref=2\.17\.0&timeout=\S+$", re.MULTILINE
)


@pytest.fixture(scope="module")
def rendered(lab: Lab) -> dict[str, str]:
    """Overlay → its objects."""
    return {name: lab.kubectl("kustomize", str(ROOT / "manifests/overlays" / name)) for name in OVERLAYS}


def objects(text: str, *kinds: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(text) if not kinds or item["kind"] in kinds]


def pods(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of a workload, and the pod that it makes."""
    for item in objects(text, "Deployment", "StatefulSet", "Job"):
        yield item["metadata"]["name"], item["spec"]["template"]


def test_kubeflow_pipelines_is_patched_as_committed(lab: Lab, tmp_path: Path) -> None:
    """Over a stand-in with the names of the original, since the original can only be fetched."""
    shutil.copytree(ROOT / "manifests/kubeflow", tmp_path / "kubeflow")
    shutil.copytree(HERE / "kubeflow_stub", tmp_path / "kubeflow/stub")
    kustomization = tmp_path / "kubeflow/kustomization.yaml"
    local, count = BY_URL.subn("- stub", kustomization.read_text())
    assert count == 1
    kustomization.write_text(local)
    text = lab.kubectl("kustomize", str(tmp_path / "kubeflow"))
    assert "seaweedfs" not in text
    assert not objects(text, "Secret")  # none of the passwords that everybody knows
    assert_golden("kubeflow", text)


def assert_golden(name: str, text: str) -> None:
    """Hold what was rendered against the committed file."""
    golden = HERE / f"golden/{name}.yaml"
    fresh = golden.with_suffix(".fresh")
    fresh.write_text(text)
    assert text == golden.read_text(), f"if the difference is meant, move {fresh.relative_to(ROOT)} over {golden.name}"
    fresh.unlink()


def test_the_service_for_kserve_is_rendered_as_committed(lab: Lab) -> None:
    assert_golden("kserve", lab.kubectl("kustomize", str(ROOT / "manifests/server/kserve")))


def test_a_pod_of_kserve_is_that_of_the_deployment(lab: Lab, rendered: dict[str, str]) -> None:
    """In all but the names that KServe asks for, so that neither is forgotten when the other changes."""
    (service,) = objects(lab.kubectl("kustomize", str(ROOT / "manifests/server/kserve")), "InferenceService")
    pod = service["spec"]["predictor"]
    deployment, autoscaler = (
        next(item for item in objects(rendered["kind"], kind) if item["metadata"]["namespace"] == "posterity")
        for kind in ("Deployment", "HorizontalPodAutoscaler")
    )
    template = deployment["spec"]["template"]
    assert {name: pod.pop(name) for name in ("labels", "annotations")} == {
        name: template["metadata"][name] for name in ("labels", "annotations")
    }
    assert pod.pop("deploymentStrategy") == deployment["spec"]["strategy"]
    scaled = {name: autoscaler["spec"][name] for name in ("minReplicas", "maxReplicas")}
    assert {name: pod.pop(name) for name in scaled} == scaled
    assert (pod.pop("scaleMetric"), pod.pop("scaleTarget")) == ("cpu", 70)
    text = json.dumps(pod, sort_keys=True).replace("kserve-container", "server").replace("http1", "http")
    expected = json.dumps(template["spec"], sort_keys=True).replace('"port": "http"', '"port": 8080')
    assert json.loads(text.replace(', "protocol": "TCP"', "")) == json.loads(expected)


def test_the_job_that_scores_is_restricted_and_has_its_own_user(lab: Lab, rendered: dict[str, str]) -> None:
    text = lab.kubectl("kustomize", str(ROOT / "manifests/score"))
    ((_, template),) = pods(text)
    _assert_restricted(template["spec"])
    (job,) = objects(text, "Job")
    assert job["metadata"]["namespace"] == "posterity"
    store = next(
        item["spec"]
        for item in objects(rendered["kind"], "NetworkPolicy")
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == ("posterity", "store")
    )
    assert store["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    for name in OVERLAYS:
        declared = json.loads((ROOT / "manifests/overlays" / name / "secrets.json").read_text())
        assert set(declared["posterity/posterity-scoring"]) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert [secret for secret, _ in _references(template["spec"])] == ["posterity-scoring"]
    refused = job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    assert {kind.exit_code for kind in (RefusedError, GateError, CorruptError)} < set(refused)
    assert UnavailableError.exit_code not in refused, "that is worth another attempt"


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_pod_is_restricted_and_has_limits(rendered: dict[str, str], name: str) -> None:
    found = dict(pods(rendered[name]))
    assert len(found) >= 2
    for template in found.values():
        _assert_restricted(template["spec"])


def _assert_restricted(spec: dict[str, Any]) -> None:
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["enableServiceLinks"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}
        assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_namespace_is_restricted_and_denies_by_default(rendered: dict[str, str], name: str) -> None:
    spaces = {item["metadata"]["name"]: item["metadata"]["labels"] for item in objects(rendered[name], "Namespace")}
    assert set(spaces) == {"kubeflow", "posterity-staging", "posterity"}
    for labels in spaces.values():
        assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}
    closed = {
        item["metadata"]["namespace"]
        for item in objects(rendered[name], "NetworkPolicy")
        if item["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert closed == set(spaces)
    used = {item["metadata"]["namespace"] for item in objects(rendered[name]) if item["kind"] != "Namespace"}
    assert used == set(spaces)


@pytest.mark.parametrize("name", OVERLAYS)
def test_nobody_has_more_rights_than_named(rendered: dict[str, str], name: str) -> None:
    assert not objects(rendered[name], "ClusterRole", "ClusterRoleBinding")
    for role in objects(rendered[name], "Role"):
        for rule in role["rules"]:
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
            assert "secrets" not in rule["resources"]
            if "patch" in rule["verbs"]:
                assert rule["resourceNames"] == ["posterity-server"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_secrets_are_generated_for_all_that_refers_to_one(rendered: dict[str, str], name: str) -> None:
    declared = json.loads((ROOT / "manifests/overlays" / name / "secrets.json").read_text())
    assert not objects(rendered[name], "Secret")
    for item in objects(rendered[name], "Deployment", "StatefulSet", "Job"):
        space = item["metadata"]["namespace"]
        for secret, key in _references(item["spec"]["template"]["spec"]):
            assert f"{space}/{secret}" in declared, item["metadata"]["name"]
            assert key is None or key in declared[f"{space}/{secret}"]


def _references(value: Any) -> Iterator[tuple[str, str | None]]:
    """Every Secret that must be there, with its key where one is named."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in {"secretRef", "secretKeyRef"} and not item.get("optional"):
                yield item["name"], item.get("key")
            elif name == "secretName":
                yield item, None
            else:
                yield from _references(item)


def test_the_set_up_of_the_store_has_a_policy_and_a_key_for_every_user(rendered: dict[str, str]) -> None:
    data = next(item["data"] for item in objects(rendered["kind"], "ConfigMap") if "store.json" in item["data"])
    users = json.loads(data["store.json"])["users"]
    assert {f"{policy}.json" for policy in users.values()} | {"store.json"} == set(data)
    declared = json.loads((ROOT / "manifests/overlays/kind/secrets.json").read_text())
    assert set(declared["kubeflow/minio-users"]) == set(users)
