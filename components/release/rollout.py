"""The results servers of a place: another image for them, seen through to its end, and what is pinned there."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from posterity.cluster import troubles_of
from posterity.errors import NotFoundError, PosterityError, RefusedError, UnavailableError
from posterity.release.check import Check

SERVER, CONTAINER, PINS = "posterity-server", "server", "posterity-pins"
NAMESPACES = {"staging": "posterity-staging", "production": "posterity"}
PAUSE = 1.0  # seconds between two looks
WAITING = {"_request_timeout": (5, 30)}  # seconds for a connection, and for an answer


class Servers:
    """The Deployment of a place, `staging` or `production`, through the API of the cluster that this pod runs in.

    Every method raises UnavailableError when the API does not answer, or refuses.
    """

    def __init__(self, place: str) -> None:
        from kubernetes import client, config

        config.load_incluster_config()
        self.namespace = NAMESPACES[place]
        self.apps, self.core = client.AppsV1Api(), client.CoreV1Api()

    @property
    def image(self) -> str:
        """The image that the servers are to run."""
        containers = self._deployment()["spec"]["template"]["spec"]["containers"]
        return str(next(item["image"] for item in containers if item["name"] == CONTAINER))

    def roll_out(self, image: str, patience: float) -> None:
        """Let the servers run `image` (empty: the one they run), and wait until all of them do.

        Raises RefusedError saying why they do not come up; then they run again what they ran before. No server that
        answers is stopped before another one does, so that nobody notices.
        """
        before = self.image
        wanted = image or before
        if wanted != before:
            self._patch(wanted)
        try:
            self._wait(wanted, patience)
        except RefusedError:
            if wanted != before:
                self._patch(before)
            raise

    def pins(self) -> dict[str, str]:
        """Model → the version that `posterity-pins`, kept in Git, asks for: its number, or MODEL/NUMBER."""
        try:
            found = self._ask(lambda: self.core.read_namespaced_config_map(PINS, self.namespace, **WAITING))
        except NotFoundError:
            return {}
        asked = {model: str(text).strip().rpartition("/")[2] for model, text in (found.data or {}).items()}
        return {model: f"{model}/{number}" for model, number in asked.items() if number}

    def _wait(self, image: str, patience: float) -> None:
        until = time.monotonic() + patience
        while not _is_complete(self._deployment()):
            pods = self._pods(image)
            hopeless = next((str(item) for item in troubles_of(pods) if item.is_hopeless), "")
            if hopeless or time.monotonic() > until:
                why = hopeless or "; ".join(_states(pods)) or "no pod of it was made"
                raise RefusedError(f"{self.namespace}/{SERVER} does not come up with image {image}: {why}")
            time.sleep(PAUSE)

    def _patch(self, image: str) -> None:
        change = {"spec": {"template": {"spec": {"containers": [{"name": CONTAINER, "image": image}]}}}}
        self._ask(lambda: self.apps.patch_namespaced_deployment(SERVER, self.namespace, change, **WAITING))

    def _deployment(self) -> Mapping[str, Any]:
        how = {"_preload_content": False, **WAITING}
        found = self._ask(lambda: self.apps.read_namespaced_deployment(SERVER, self.namespace, **how))
        return dict(json.loads(found.data))

    def _pods(self, image: str) -> list[Mapping[str, Any]]:
        """The servers that are to run `image`."""
        how = {"label_selector": f"app.kubernetes.io/name={SERVER}", "_preload_content": False, **WAITING}
        found = self._ask(lambda: self.core.list_namespaced_pod(self.namespace, **how))
        pods = json.loads(found.data)["items"]
        return [pod for pod in pods if any(item["image"] == image for item in pod["spec"]["containers"])]

    def _ask(self, question: Callable[[], Any]) -> Any:
        import urllib3
        from kubernetes.client import ApiException

        try:
            return question()
        except ApiException as error:
            kind: type[PosterityError] = NotFoundError if error.status == 404 else UnavailableError
            raise kind(f"Kubernetes answers {error.status} {error.reason} about {self.namespace}/{SERVER}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"Kubernetes cannot be reached ({error}); the next attempt goes on") from error


def _is_complete(deployment: Mapping[str, Any]) -> bool:
    """Whether all servers are of the newest revision, and ready."""
    wanted, status = deployment["spec"]["replicas"], deployment["status"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= deployment["metadata"]["generation"] and counts == [wanted] * 3


def _states(pods: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How the containers of servers are that are not ready."""
    for pod in pods:
        for item in pod["status"].get("containerStatuses", []):
            if not item["ready"]:
                state: Mapping[str, Mapping[str, str]] = item["state"]
                name, details = next(iter(state.items()), ("waiting", {}))
                said = ": ".join(filter(None, (details.get("reason"), details.get("message"))))
                yield f"{pod['metadata']['name']} is {name}{f' ({said})' if said else ''} and not ready"


def write_rollout(path: str, before: str, image: str, check: Check) -> None:
    """Leave how a rollout went, for the tasks that follow: the images before and now, and what was found."""
    facts = {"before": before, "image": image, "passed": check.passed, "text": check.text}
    Path(path).write_text(json.dumps(facts))


def read_rollout(path: str) -> tuple[str, str, Check]:
    """What `write_rollout` left."""
    facts = json.loads(Path(path).read_text())
    return facts["before"], facts["image"], Check("rollout", facts["passed"], facts["text"])
