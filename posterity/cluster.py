"""What a pod can ask the Kubernetes that it runs in, over plain HTTPS: who it is, and how the other pods of its run do.

Commands on a machine use the client library instead (`pipelines.kubeflow.cluster`); both read pods with `troubles_of`.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from posterity.errors import UnavailableError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REVIEW = "authentication.k8s.io/v1"
PATIENCE = 5.0  # seconds
NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
NOT_MADE = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


@dataclass(frozen=True)
class Trouble:
    """What keeps a pod from running, or ended it. A hopeless one does not mend itself, if it lasts."""

    stage: str
    pod: str
    text: str
    is_hopeless: bool = False

    def __str__(self) -> str:
        return f"stage {self.stage}: {self.text}"


def is_pod() -> bool:
    """Whether this process runs in a pod that may talk to Kubernetes."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and (ACCOUNT / "token").is_file()


def user() -> str:
    """The name that Kubernetes knows this pod by (SelfSubjectReview). Raises UnavailableError."""
    body = {"apiVersion": REVIEW, "kind": "SelfSubjectReview"}
    return str(_ask("POST", f"/apis/{REVIEW}/selfsubjectreviews", body)["status"]["userInfo"]["username"])


def troubles_of_run(job: str) -> list[Trouble]:
    """What ails the pods of a pipeline's run, in this pod's namespace. Raises UnavailableError."""
    namespace = (ACCOUNT / "namespace").read_text().strip()
    found = _ask("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(f'pipeline/runid={job}')}")
    return troubles_of(found["items"])


def troubles_of(pods: Iterable[Mapping[str, Any]]) -> list[Trouble]:
    """What ails pods, as the API describes them, the oldest pod first."""
    in_order = sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    return [trouble for pod in in_order for trouble in _troubles(pod)]


def _troubles(pod: Mapping[str, Any]) -> Iterator[Trouble]:
    """What the state of a pod says, with what to do about it."""
    labels, status = pod["metadata"].get("labels", {}), pod.get("status", {})
    stage, name = labels.get("app.kubernetes.io/component", "of the backend"), pod["metadata"]["name"]
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        state = container.get("state", {})
        waiting, ended = state.get("waiting", {}), state.get("terminated", {})
        if waiting.get("reason") in NO_IMAGE:
            yield Trouble(stage, name, _no_image(container.get("image", ""), waiting), True)
        elif waiting.get("reason") in NOT_MADE:
            text = f"its container cannot be made: {waiting.get('message', waiting['reason'])}; create what is missing"
            yield Trouble(stage, name, f"{text} with make secrets and make deploy", True)
        elif ended.get("reason") == "OOMKilled":
            text = f"pod {name} used more memory than it may; raise its limit with --settings {stage}.memory_limit=…"
            yield Trouble(stage, name, text)
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False" and status.get("phase") == "Pending":
            text = f"no node takes its pod ({condition.get('message', '')}); lower what it requests, or add a node"
            yield Trouble(stage, name, text)
    if status.get("phase") == "Failed" and status.get("reason"):
        why = ", ".join(filter(None, (status["reason"], status.get("message"))))
        yield Trouble(stage, name, f"pod {name} was ended: {why}")


def _no_image(image: str, waiting: Mapping[str, Any]) -> str:
    return (
        f"its node cannot get image {image} ({waiting.get('message', waiting['reason'])}); check the tag, or take the "
        "image there with make images load"
    )


def _ask(method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One question to the API of Kubernetes, as this pod's account. Raises UnavailableError when it gives no answer."""
    import urllib3

    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}", "Content-Type": "application/json"}
    try:
        with urllib3.PoolManager(ca_certs=str(ACCOUNT / "ca.crt"), timeout=PATIENCE, retries=1) as http:
            data = json.dumps(body).encode() if body else None
            answer = http.request(method, f"https://{host}:{port}{path}", body=data, headers=headers)
            found = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise UnavailableError(f"the API of Kubernetes at {host} does not answer ({error})") from error
    if answer.status >= 300:
        raise UnavailableError(f"the API of Kubernetes at {host} answers {answer.status}: {found.get('message', '')}")
    return dict(found)
