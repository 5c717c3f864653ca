"""The cluster that runs go on at: its pods and their logs, and what a pipeline needs there before it can start."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import urllib3

from pipelines.compile_settings import DEFAULT_IMAGE, CompileSettings
from pipelines.pods import NEEDED, STORE_KEYS
from posterity.cluster import Trouble, is_pod, troubles_of
from posterity.errors import SettingsError, UnavailableError
from posterity.runs import ORDER
from posterity.settings import Settings

WAITING: dict[str, Any] = {"_request_timeout": (5, 30)}  # seconds for a connection, and for an answer
CONTROLLER = "workflow-controller"
MOST_IMAGES = 50  # that a node lists: one with as many may have others
LOCAL = tuple(f"{DEFAULT_IMAGE.rpartition('/')[0]}/{name}:" for name in ("stage", "sample"))
DENIED = (401, 403)


class Cluster:
    """A cluster, through its own client. What we may not see is not told."""

    def __init__(self, client: Any, namespace: str) -> None:
        from kubernetes.client import AppsV1Api, AuthenticationV1Api, CoreV1Api

        self.host = client.configuration.host
        self.core = CoreV1Api(client)
        self.apps = AppsV1Api(client)
        self.authentication = AuthenticationV1Api(client)
        self.namespace = namespace

    @classmethod
    def of(cls, settings: Settings) -> "Cluster | None":
        """The cluster of the context that the settings name (or that this pod runs in), None where none is known.

        Raises SettingsError when the context is not there.
        """
        from kubernetes import client, config

        if is_pod():
            config.load_incluster_config()
            return cls(client.ApiClient(), settings.namespace)
        try:
            return cls(config.new_client_from_config(context=settings.context or None), settings.namespace)
        except config.ConfigException as error:
            if settings.context:
                raise SettingsError(f"POSTERITY_CONTEXT={settings.context!r}: {error}; see kubectl config") from error
            return None

    def user(self) -> str:
        """The user that we are there (SelfSubjectReview)."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        found = self._ask(lambda: self.authentication.create_self_subject_review(body, **WAITING))
        if found is None:
            raise UnavailableError(f"Kubernetes at {self.host} does not say who you are; log in, then repeat")
        return str(found.status.user_info.username)

    def troubles(self, job: str) -> list[Trouble]:
        """What ails the pods of a run, in their order."""
        return troubles_of(self._pods(f"pipeline/runid={job}"))

    def pods(self, job: str, stage: str) -> list[str]:
        """The pods of a stage of a run that are still there."""
        found = self._pods(f"pipeline/runid={job},app.kubernetes.io/component={stage}")
        return [str(pod["metadata"]["name"]) for pod in found]

    def log(self, pod: str) -> bytes | None:
        """What a pod has printed, None once it is gone."""
        how = {"container": "main", "_preload_content": False, **WAITING}
        found = self._ask(lambda: self.core.read_namespaced_pod_log(pod, self.namespace, **how))
        return found.data if found else None

    def missing(self, settings: CompileSettings) -> list[str]:
        """What the pods of a pipeline will not find: settings, credentials, images; in words, with what to do."""
        return [*self.missing_keys(settings), *self._missing_images(settings)]

    def workflow_defaults(self) -> dict[str, Any] | None:
        """What Argo's controller gives every workflow, None where no controller is to be seen."""
        import yaml

        found = self._ask(
            lambda: self.core.read_namespaced_config_map(f"{CONTROLLER}-configmap", self.namespace, **WAITING)
        )
        return dict(yaml.safe_load((found.data or {}).get("workflowDefaults", "")) or {}) if found else None

    def controller_pause(self) -> str:
        """How long Argo's controller waits before it looks at a workflow again; empty where that is not set."""
        found = self._ask(lambda: self.apps.read_namespaced_deployment(CONTROLLER, self.namespace, **WAITING))
        containers = found.spec.template.spec.containers if found else []
        variables = [variable for container in containers for variable in container.env or []]
        return next((str(item.value) for item in variables if item.name == "DEFAULT_REQUEUE_TIME"), "")

    def missing_keys(self, settings: CompileSettings) -> Iterator[str]:
        """ConfigMaps, Secrets and keys of them that are not there, in words."""
        wanted = (
            ("ConfigMap", settings.config_map, NEEDED, self.core.read_namespaced_config_map),
            ("Secret", settings.store_secret, STORE_KEYS, self.core.read_namespaced_secret),
        )
        for kind, name, keys, read in wanted:
            found = self._ask(lambda: read(name, self.namespace, **WAITING), absent="absent")  # noqa: B023
            if found == "absent":
                yield f"{kind} {name} is not in namespace {self.namespace}; make it with make secrets and make deploy"
            elif found and (lacking := [key for key in keys if key not in (found.data or {})]):
                yield f"{kind} {name} in namespace {self.namespace} has no {', '.join(lacking)}; add it"

    def _missing_images(self, settings: CompileSettings) -> Iterator[str]:
        """Images that no registry has, since they are called as they are built here, and no node either."""
        local = sorted({image for stage in ORDER if (image := settings.image_of(stage)).startswith(LOCAL)})
        there = self.images() if local else None
        for image in local:
            if there is not None and image not in there:
                yield f"no node has image {image}; build it with make images and take it there with make load"

    def images(self) -> set[str] | None:
        """The names of the images that nodes have, None where nodes may not be looked at or do not list all of them."""
        nodes = self._ask(lambda: self.core.list_node(**WAITING))
        lists = [node.status.images or [] for node in nodes.items] if nodes else []
        if not lists or any(len(images) >= MOST_IMAGES for images in lists):
            return None
        return {name.removeprefix("docker.io/") for images in lists for image in images for name in image.names or []}

    def _pods(self, selector: str) -> list[Mapping[str, Any]]:
        how = {"label_selector": selector, "_preload_content": False, **WAITING}
        found = self._ask(lambda: self.core.list_namespaced_pod(self.namespace, **how))
        return list(json.loads(found.data)["items"]) if found else []

    def _ask(self, question: Callable[[], Any], absent: Any = None) -> Any:
        """The answer; `absent` where there is no such thing, None where we may not ask. Raises UnavailableError."""
        from kubernetes.client import ApiException

        try:
            return question()
        except ApiException as error:
            if error.status == 404:
                return absent
            if error.status in DENIED:
                return None
            raise UnavailableError(f"Kubernetes at {self.host} answers {error.status} {error.reason}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise UnavailableError(
                f"Kubernetes at {self.host} cannot be reached ({reason}); see posterity doctor"
            ) from error
