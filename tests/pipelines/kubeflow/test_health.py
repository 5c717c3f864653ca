"""What `posterity doctor` finds at a cluster."""

import dataclasses
from typing import Any

import pytest
import yaml

from pipelines.cluster.kubectl import MANIFESTS
from pipelines.kubeflow.health import checks
from posterity.errors import PosterityError, SettingsError
from tests.pipelines.kubeflow.conftest import Place


def find(place: Place, name: str) -> str:
    """What a check says, in order or not."""
    try:
        return checks(place.settings)[name]()
    except PosterityError as error:
        return f"FAULT {error}"


def controller(defaults: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "data": {"workflowDefaults": defaults}}


def strategy(text: str) -> str:
    return f"spec: {{templateDefaults: {{retryStrategy: {{{text}}}}}}}"


PATCH = yaml.safe_load((MANIFESTS / "kubeflow/patches/workflow-controller-config.yaml").read_text())
RETRIES = [
    (PATCH["data"]["workflowDefaults"], "DEFAULT_REQUEUE_TIME=1s on it makes runs twice"),
    (strategy("limit: 2, retryPolicy: Always"), "FAULT retryStrategy is {'limit': 2"),
    (strategy("limit: '0', retryPolicy: OnError"), "retryPolicy Always for it in templateDefaults"),
    ("", "FAULT retryStrategy is not set"),
]


@pytest.mark.parametrize(("defaults", "text"), RETRIES)
def test_whether_retries_happen(place: Place, defaults: str, text: str) -> None:
    place.kubernetes.objects["workflow-controller-configmap"] = controller(defaults)
    assert text in find(place, "retries")


def test_a_controller_that_looks_often_needs_no_advice(place: Place) -> None:
    place.kubernetes.objects["workflow-controller-configmap"] = controller(RETRIES[0][0])
    environment = [{"name": "DEFAULT_REQUEUE_TIME", "value": "1s"}]
    template = {"spec": {"containers": [{"name": "c", "env": environment}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    place.kubernetes.objects["workflow-controller"] = {"kind": "Deployment", "spec": spec}
    assert find(place, "retries") == "stages are repeated as they ask"


def test_what_stages_need_and_do_not_find(place: Place) -> None:
    assert find(place, "needs of stages").startswith("settings, credentials and images are there")
    place.kubernetes.objects["nodes"]["items"][0]["status"]["images"] = []
    del place.kubernetes.objects["posterity-settings"]
    said = find(place, "needs of stages")
    assert "ConfigMap posterity-settings is not in namespace kubeflow" in said
    assert "no node has image posterity/stage:dev" in said


def test_only_what_the_settings_name_is_looked_at(place: Place) -> None:
    assert checks(dataclasses.replace(place.settings, api_endpoint="")) == {}
    with_context = dataclasses.replace(place.settings, api_endpoint="", context="here")
    assert "pipelines API" not in checks(with_context)
    assert "here" not in checks(with_context)["cluster"]()
    with pytest.raises(SettingsError, match="POSTERITY_CONTEXT='there'"):
        checks(dataclasses.replace(place.settings, context="there"))["cluster"]()
