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
    assert find(place, "settings of stages").startswith("settings and credentials are there")
    del place.kubernetes.objects["posterity-settings"]
    assert "FAULT ConfigMap posterity-settings is not in namespace kubeflow" in find(place, "settings of stages")


def test_which_images_nodes_have(place: Place) -> None:
    assert find(place, "images") == "nodes have posterity/stage:dev"
    node = place.kubernetes.objects["nodes"]["items"][0]
    node["status"]["images"] = [{"names": ["registry.example.org/a/stage:1", "docker.io/library/backstage:2"]}]
    assert find(place, "images") == "nodes have registry.example.org/a/stage:1"
    node["status"]["images"] = []
    assert "FAULT no node has an image of the stages; take it there with make images load" in find(place, "images")
    place.kubernetes.denied = ("nodes",)
    assert "cannot be told" in find(place, "images")


def test_tools_of_kind_are_wanted_for_kind_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"kind", "docker"} & set(checks(place.settings))
    in_kind = dataclasses.replace(place, settings=dataclasses.replace(place.settings, context="kind-posterity"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert find(in_kind, "kind") == "FAULT kind is not installed; see https://kind.sigs.k8s.io"
    assert find(in_kind, "docker").startswith("FAULT docker is not installed")
    assert find(in_kind, "kubectl").startswith("FAULT kubectl is not installed")


def test_only_what_the_settings_name_is_looked_at(place: Place) -> None:
    assert checks(dataclasses.replace(place.settings, api_endpoint="")) == {}
    with_context = dataclasses.replace(place.settings, api_endpoint="", context="here")
    assert "pipelines API" not in checks(with_context)
    assert "here" not in checks(with_context)["cluster"]()
    with pytest.raises(SettingsError, match="POSTERITY_CONTEXT='there'"):
        checks(dataclasses.replace(place.settings, context="there"))["cluster"]()
