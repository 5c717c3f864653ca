"""The Job that submits a run: what it calls is a command of ours, under the account and labels that policies know."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from pipelines.cli.app import app

MANIFESTS = Path(__file__).parents[3] / "manifests"
VALUES = {"CHAINS": "4", "JOB": "0c9f", "AS_OF": "2026-02-28"}


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((MANIFESTS / "submit/job.yaml").read_text())
    return found


def test_it_calls_submit_as_it_is(job: dict[str, Any]) -> None:
    shell, option, script = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert (shell, option) == ("sh", "-ec")
    words = shlex.split(re.sub(r"\$(\w+)", lambda match: VALUES.get(match[1], "x"), script))
    assert words[:3] == ["exec", "posterity", "submit"]
    command: Any = typer.main.get_command(app)
    context = command.commands["submit"].make_context("submit", words[3:])  # raises where an option is wrong
    assert context.params["wait"] is False
    assert context.params["name"] == "x-0c9f"


def test_every_variable_has_a_value(job: dict[str, Any]) -> None:
    container = job["spec"]["template"]["spec"]["containers"][0]
    generated = yaml.safe_load((MANIFESTS / "submit/kustomization.yaml").read_text())["configMapGenerator"][0]
    given = {literal.partition("=")[0] for literal in generated["literals"]} | {
        item["name"] for item in container["env"]
    }
    assert set(re.findall(r"\$(\w+)", container["command"][2])) <= given
    assert generated["name"] in {item.get("configMapRef", {}).get("name") for item in container["envFrom"]}


def test_account_and_labels_are_those_of_the_policies(job: dict[str, Any]) -> None:
    accounts = list(yaml.safe_load_all((MANIFESTS / "base/kubeflow/accounts.yaml").read_text()))
    pod = job["spec"]["template"]
    assert pod["spec"]["serviceAccountName"] in {item["metadata"]["name"] for item in accounts}
    policies = list(yaml.safe_load_all((MANIFESTS / "base/kubeflow/network.yaml").read_text()))
    submit = next(item for item in policies if item["metadata"]["name"] == "submit")
    assert submit["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
