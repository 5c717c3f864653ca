"""Whether a cluster is as runs need it: for `posterity doctor`, as far as the settings name one."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from typing import Any

from pipelines.compile_settings import CompileSettings
from pipelines.kubeflow.api import PipelinesApi
from pipelines.kubeflow.cluster import Cluster
from posterity.errors import RefusedError, SettingsError
from posterity.settings import Settings

NO_RETRIES = (
    "retries that stages ask for do not happen, or happen for what encloses them too: set limit '0' and retryPolicy "
    "Always for it in templateDefaults of workflowDefaults in ConfigMap workflow-controller-configmap "
    "(manifests/kubeflow does)"
)
STAGE = re.compile(r"(^|/)stage:")
Check = Callable[[], str]


def checks(settings: Settings) -> dict[str, Check]:
    """The checks that the settings make relevant, by name: none of a cluster while they name none."""
    if not settings.api_endpoint and not settings.context:
        return {}
    in_kind = settings.context.startswith("kind-")
    tools = {"kind": "https://kind.sigs.k8s.io", "docker": "https://docs.docker.com/engine/install"} if in_kind else {}
    cluster: dict[str, Check] = {
        **{name: partial(_tool, name, page) for name, page in tools.items()},
        "kubectl": lambda: _tool("kubectl", "https://kubernetes.io/docs/tasks/tools"),
        "cluster": lambda: _cluster(settings),
        "retries": lambda: _retries(_known(settings)),
        "settings of stages": lambda: _needs(_known(settings)),
        "images": lambda: _images(_known(settings)),
    }
    api: dict[str, Check] = {"pipelines API": lambda: _api(settings)} if settings.api_endpoint else {}
    return {**cluster, **api}


def _tool(name: str, page: str) -> str:
    found = shutil.which(name)
    if not found:
        raise SettingsError(f"{name} is not installed; see {page}")
    return found


def _known(settings: Settings) -> Cluster:
    cluster = Cluster.of(settings)
    if not cluster:
        raise SettingsError("there is no kubeconfig; make a cluster with make cluster, or name one with KUBECONFIG")
    return cluster


def _cluster(settings: Settings) -> str:
    cluster = _known(settings)
    return f"{cluster.host}, namespace {cluster.namespace}, as {cluster.user()}"


def _api(settings: Settings) -> str:
    api = PipelinesApi.of(settings)
    api.check()
    return f"{api.endpoint} answers"


def _retries(cluster: Cluster) -> str:
    """Kubeflow Pipelines as it is installed repeats nothing that a stage asks for."""
    defaults = cluster.workflow_defaults()
    if defaults is None:
        return "no workflow controller is to be seen, so this cannot be told"
    templates: dict[str, Any] = (defaults.get("spec") or {}).get("templateDefaults") or {}
    strategy: dict[str, Any] = templates.get("retryStrategy") or {}
    if str(strategy.get("limit")) != "0" or strategy.get("retryPolicy") != "Always":
        raise RefusedError(f"retryStrategy is {strategy or 'not set'}: {NO_RETRIES}")
    pause = cluster.controller_pause()
    slow = "; the controller looks every 10 s only: DEFAULT_REQUEUE_TIME=1s on it makes runs twice as fast"
    return f"stages are repeated as they ask{slow if pause != '1s' else ''}"


def _needs(cluster: Cluster) -> str:
    missing = list(cluster.missing_keys(CompileSettings()))
    if missing:
        raise RefusedError("; ".join(missing))
    return "settings and credentials are there, as far as we may see"


def _images(cluster: Cluster) -> str:
    """Images of stages that a run can be started with; which one it is to be is said when it is submitted."""
    there = cluster.images()
    if there is None:
        return "what nodes have cannot be told from here"
    ours = sorted(name for name in there if STAGE.search(name))
    if not ours:
        raise RefusedError(
            "no node has an image of the stages; take it there with make images load, unless nodes pull it from a "
            "registry"
        )
    return f"nodes have {', '.join(ours)}"
