"""What is said of workloads that do not come up, each a real one in a namespace of its own."""

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipelines.cluster.rollout import wait
from posterity.errors import RefusedError, UnavailableError

from .lab import Lab

pytestmark = pytest.mark.cluster
NAMESPACE = "posterity-test-rollout"
Deploy = Callable[..., None]


@pytest.fixture(scope="module")
def deploy(lab: Lab) -> Iterator[Deploy]:
    """Make or change a deployment."""
    lab.kubectl("create", "namespace", NAMESPACE)

    def make(name: str, image: str, *command: str, **more: Any) -> None:
        labels = {"app.kubernetes.io/name": name}
        spec = {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": image, "command": command, **more}],
        }
        template = {"metadata": {"labels": labels}, "spec": spec}
        strategy = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        whole = {"selector": {"matchLabels": labels}, "strategy": strategy, "template": template}
        metadata = {"name": name, "namespace": NAMESPACE}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": whole}
        lab.kubectl("apply", "--server-side", "-f", "-", given=json.dumps(deployment))

    yield make
    lab.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(autouse=True)
def by_the_lab(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL", f"{shlex.quote(str(lab.command))} exec -- kubectl")


def test_an_image_that_is_not_there_is_said_at_once_and_mended_by_the_next(deploy: Deploy, tag: str) -> None:
    deploy("image", "posterity/server:nosuch")
    with pytest.raises(RefusedError, match=r"posterity/server:nosuch .*make images load"):
        wait("deployment", "image", NAMESPACE)
    deploy("image", f"posterity/server:{tag}", "sleep", "600")
    wait("deployment", "image", NAMESPACE)


def test_a_secret_that_is_missing_is_named(deploy: Deploy, tag: str) -> None:
    deploy("secret", f"posterity/server:{tag}", "true", envFrom=[{"secretRef": {"name": "posterity-store"}}])
    with pytest.raises(RefusedError, match=r'secret "posterity-store" not found; .*make secrets'):
        wait("deployment", "secret", NAMESPACE)


def test_a_program_that_ends_is_quoted(deploy: Deploy, tag: str) -> None:
    never = {"readinessProbe": {"exec": {"command": ["false"]}}}
    deploy("ends", f"posterity/server:{tag}", "sh", "-c", "echo there is no such table; exit 3", **never)
    with pytest.raises(
        UnavailableError, match=r"not come up within 5 s: .*ended \(Error\) with\nthere is no such table"
    ):
        wait("deployment", "ends", NAMESPACE, patience=5)
