"""Who reaches whom: tried from real pods, under the policies of the manifests, as the pods' own accounts."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .lab import Lab

pytestmark = pytest.mark.cluster

TRY = """
import json, socket, sys, threading
found = {}
def reach(target):
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=4).close()
        found[target] = "open"
    except OSError as error:
        found[target] = "refused" if isinstance(error, ConnectionRefusedError) else "shut"
threads = [threading.Thread(target=reach, args=[target]) for target in sys.argv[1:]]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(found))
"""
MINIO = "minio-service.kubeflow:9000"
CONSOLE = "minio-service.kubeflow:9001"
REGISTRY = "posterity-registry.kubeflow:5000"
PRODUCTION = "posterity-server.posterity:80"
STAGING = "posterity-server.posterity-staging:80"
KUBERNETES = "kubernetes.default:443"
STAND_IN = "ml-pipeline.kubeflow:8888"
ELSEWHERE = "web.posterity-test-elsewhere:80"
ALL = (MINIO, CONSOLE, REGISTRY, PRODUCTION, STAGING, KUBERNETES, STAND_IN, ELSEWHERE)

WEB = """
apiVersion: v1
kind: Namespace
metadata: {name: posterity-test-elsewhere}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: posterity-test-elsewhere, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: web, image: "%s", command: [python, -m, http.server, "8080"]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: posterity-test-elsewhere}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""

RUN = {"pipelines.kubeflow.org/v2_component": "true", "app.kubernetes.io/part-of": "posterity"}


def ours(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": "posterity", "app.kubernetes.io/name": name}


@pytest.fixture(scope="module")
def elsewhere(deployed: Lab, tag: str) -> Iterator[None]:
    """A service of somebody else's, in a namespace without policies."""
    deployed.kubectl("apply", "-f", "-", given=WEB % f"posterity/server:{tag}")
    deployed.kubectl("wait", "pod/web", "-n", "posterity-test-elsewhere", "--for=condition=Ready", "--timeout=60s")
    yield
    deployed.kubectl("delete", "namespace", "posterity-test-elsewhere", "--wait=false")


PODS: dict[str, tuple[str, dict[str, str], set[str]]] = {
    "stage": ("kubeflow", RUN, {MINIO, REGISTRY, PRODUCTION, STAGING, KUBERNETES}),
    "exit handler": (
        "kubeflow",
        {**RUN, "app.kubernetes.io/component": "notify"},
        {MINIO, REGISTRY, PRODUCTION, STAGING, KUBERNETES, STAND_IN},
    ),
    "submit": ("kubeflow", ours("posterity-submit"), {MINIO, KUBERNETES, STAND_IN}),
    "registry": ("kubeflow", ours("posterity-registry"), {MINIO}),
    "minio": ("kubeflow", ours("minio"), set()),
    "server": ("posterity", ours("posterity-server"), {MINIO}),
    "job beside a server": ("posterity-staging", ours("posterity-score"), {MINIO}),
    "stranger inside": ("posterity", {}, set()),
    "stranger outside": ("default", {}, {PRODUCTION, KUBERNETES, STAND_IN, ELSEWHERE}),
}


@pytest.fixture(scope="module")
def reached(deployed: Lab, tag: str, elsewhere: None) -> dict[str, set[str]]:
    """Kind of pod → what it reaches of all there is."""

    def attempt(kind: str) -> set[str]:
        namespace, labels, _ = PODS[kind]
        said = json.loads(deployed.pod(f"posterity/server:{tag}", ["python", "-c", TRY, *ALL], namespace, labels))
        return {target for target, state in said.items() if state == "open"}

    with ThreadPoolExecutor(len(PODS)) as pool:
        return dict(zip(PODS, pool.map(attempt, PODS), strict=True))


@pytest.mark.parametrize("kind", PODS)
def test_a_pod_reaches_what_it_needs_and_nothing_else(reached: dict[str, set[str]], kind: str) -> None:
    assert reached[kind] == PODS[kind][2]
