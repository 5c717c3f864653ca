"""What accounts may do, asked of the API server itself, and what Pod Security refuses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import CommandError, Lab

pytestmark = pytest.mark.cluster

NAMESPACES = ("kubeflow", "posterity-staging", "posterity")
ACCOUNTS = (
    "kubeflow:posterity-deployer",
    "kubeflow:posterity-reader",
    "kubeflow:posterity-submit",
    "posterity:posterity-server",
    "posterity-staging:posterity-server",
    "kubeflow:minio",
    "kubeflow:posterity-registry",
)
# verb, resource, name, namespace
READ_PODS = {("list", "pods", "", space) for space in NAMESPACES}
LOGS = {("get", "pods/log", "", space) for space in NAMESPACES}
ROLL_OUT = {
    (verb, "deployments.apps", "posterity-server", space)
    for verb in ("get", "patch")
    for space in ("posterity-staging", "posterity")
}
MAY = {
    "kubeflow:posterity-deployer": ROLL_OUT | {item for item in READ_PODS | LOGS if item[3] != "kubeflow"},
    "kubeflow:posterity-reader": {item for item in READ_PODS | LOGS if item[3] == "kubeflow"},
}
FORBIDDEN = {
    (verb, resource, name, space)
    for space in NAMESPACES
    for verb, resource, name in (
        ("get", "secrets", "posterity-store"),
        ("list", "secrets", ""),
        ("create", "pods", ""),
        ("create", "pods/exec", ""),
        ("create", "jobs.batch", ""),
        ("delete", "deployments.apps", "posterity-server"),
        ("patch", "deployments.apps", "another"),
        ("update", "configmaps", "posterity-settings"),
        ("create", "rolebindings.rbac.authorization.k8s.io", ""),
        ("delete", "networkpolicies.networking.k8s.io", "default-deny"),
    )
}
ASKED = sorted(READ_PODS | LOGS | ROLL_OUT | FORBIDDEN)


@pytest.fixture(scope="module")
def allowed(deployed: Lab) -> dict[str, set[tuple[str, ...]]]:
    """Account → which of what is asked it may do."""
    reviews = [review(account, *item) for account in ACCOUNTS for item in ASKED]
    wanted = json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews})
    answers = list(documents(deployed.kubectl("create", "-f", "-", "-o", "json", given=wanted)))
    asked = [(account, item) for account in ACCOUNTS for item in ASKED]
    found: dict[str, set[tuple[str, ...]]] = {account: set() for account in ACCOUNTS}
    for (account, item), answer in zip(asked, answers, strict=True):
        if answer["status"]["allowed"]:
            found[account].add(item)
    return found


def documents(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects that stand one after the other."""
    decoder, start = json.JSONDecoder(), 0
    while start < len(text.rstrip()):
        found, end = decoder.raw_decode(text, start)
        yield found
        start = end + len(text[end:]) - len(text[end:].lstrip())


def review(account: str, verb: str, resource: str, name: str, namespace: str) -> dict[str, Any]:
    kind, _, group = resource.partition(".")
    kind, _, part = kind.partition("/")
    attributes = {
        "verb": verb,
        "resource": kind,
        "subresource": part,
        "group": group,
        "name": name,
        "namespace": namespace,
    }
    spec = {"user": f"system:serviceaccount:{account}", "resourceAttributes": attributes}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_account_may_do_what_it_is_for_and_nothing_else(
    allowed: dict[str, set[tuple[str, ...]]], account: str
) -> None:
    assert allowed[account] == MAY.get(account, set())


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_pod_that_runs_as_root_is_refused(deployed: Lab, namespace: str) -> None:
    with pytest.raises(CommandError, match=r"violates PodSecurity .restricted"):
        deployed.kubectl("run", "root", "--image=any", "-n", namespace, "--dry-run=server")
