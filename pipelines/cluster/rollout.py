"""Wait for a workload, and say early and plainly why it does not come up."""

import json
import time
from typing import Any

from pipelines.cluster.kubectl import kubectl
from posterity.cluster import troubles_of
from posterity.errors import RefusedError, UnavailableError

PATIENCE = 300.0  # seconds
LOOK = "10s"  # how long a look at a workload lasts

REVISIONS = ("pod-template-hash", "controller-revision-hash", "batch.kubernetes.io/controller-uid")


def wait(kind: str, name: str, namespace: str, patience: float = PATIENCE) -> None:
    """Until a deployment or statefulset is rolled out, or a job has ended well.

    Raises RefusedError as soon as one of its pods cannot start at all, UnavailableError when patience ends.
    """
    how = ("wait", "--for=condition=complete") if kind == "job" else ("rollout", "status")
    until = time.monotonic() + patience
    while True:
        try:
            kubectl(*how, f"{kind}/{name}", "--namespace", namespace, f"--timeout={LOOK}")
        except RefusedError as error:
            pods = _pods(name, namespace)
            if hopeless := next((item for item in troubles_of(pods) if item.is_hopeless), None):
                raise RefusedError(f"{namespace}/{name} does not come up: {hopeless.text}") from error
            if time.monotonic() > until:
                why = _last_words(name, namespace, pods)
                raise UnavailableError(
                    f"{namespace}/{name} has not come up within {patience:.0f} s: {why}; mend it and repeat"
                ) from error
        else:
            return


def _pods(name: str, namespace: str) -> list[dict[str, Any]]:
    """The pods of the newest revision of a workload: those of one before may well be broken."""
    selector = f"--selector=app.kubernetes.io/name={name}"
    pods = json.loads(kubectl("get", "pods", "--namespace", namespace, selector, "--output=json"))["items"]
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    return [pod for pod in pods if newest and _revision(pod) == _revision(newest)]


def _revision(pod: dict[str, Any]) -> str:
    labels = pod["metadata"]["labels"]
    return str(next((labels[label] for label in REVISIONS if label in labels), ""))


def _last_words(name: str, namespace: str, pods: list[dict[str, Any]]) -> str:
    """What its pods wrote last or, where none has ended, what Kubernetes complains about."""
    for pod in pods:
        for container in pod["status"].get("containerStatuses") or []:
            states = (container["state"], container.get("lastState") or {})
            if ended := next((state["terminated"] for state in states if "terminated" in state), None):
                log = kubectl("logs", pod["metadata"]["name"], "--namespace", namespace, "--tail=5")
                return f"{pod['metadata']['name']} ended ({ended['reason']}) with\n{log}"
    options = ("--field-selector=type=Warning", "--sort-by=.lastTimestamp", "--no-headers")
    columns = "--output=custom-columns=:.involvedObject.name,:.message"
    events = kubectl("get", "events", "--namespace", namespace, *options, columns).splitlines()
    mine = [line for line in events if line.startswith(name)]
    return " ".join(mine[-1].split()) if mine else "nothing was complained about"
