"""The cluster lab, as tests use it: `kubectl`, programs in the cluster's network, and services on this machine."""

import base64
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from tests.store.servers import free_port

ROOT = Path(__file__).parents[2]
MINIO = "minio/minio:RELEASE.2025-09-07T16-13-09Z"


class CommandError(AssertionError):
    """A command that was to succeed; its message is what the command said."""


@dataclass(frozen=True)
class Lab:
    """`command`: the program of the lab."""

    command: Path

    def __call__(self, *words: str, given: str | None = None, check: bool = True) -> str:
        """The output of one verb of the lab."""
        return run([str(self.command), *words], given=given, check=check)

    def is_up(self) -> bool:
        """Whether there is a cluster that answers."""
        return subprocess.run([self.command, "status"], capture_output=True).returncode == 0

    def kubectl(self, *words: str, given: str | None = None, check: bool = True) -> str:
        """The output of kubectl."""
        return self("exec", "--", "kubectl", *words, given=given, check=check)

    def make(self, *words: str) -> str:
        """The output of make with the variables that stand for the lab."""
        lab = str(self.command)
        variables = {
            "CONTEXT": "lab",
            "OVERLAY": "lab",
            "KUBECTL": f"{lab} exec -- kubectl",
            "DOCKER": f"{lab} docker",
            "BUILD": f"{lab} build-image",
            "LOAD": f"{lab} load",
        }
        return run(["make", "--no-print-directory", *(f"{name}={value}" for name, value in variables.items()), *words])

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """An object of the cluster."""
        return dict(json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json")))

    def secret(self, name: str, namespace: str = "kubeflow") -> dict[str, str]:
        """The values of a Secret."""
        data = self.get("secret", name, namespace)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def pod(
        self, image: str, command: list[str], namespace: str, labels: Mapping[str, str], account: str = "default"
    ) -> str:
        """What a pod that runs to its end writes, under the rules of its namespace; it is gone afterwards."""
        name = f"test-{secrets.token_hex(4)}"
        spec = restricted(image, command, cpu="1", memory="512Mi") | {
            "restartPolicy": "Never",
            "serviceAccountName": account,
            # Never ready: a pod with the labels of a service must not get its requests.
            "readinessGates": [{"conditionType": "posterity.test/never"}],
        }
        metadata = {"name": name, "namespace": namespace, "labels": {**labels}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.kubectl("create", "-f", "-", given=json.dumps(pod))
        try:
            done = (
                "wait",
                f"pod/{name}",
                "-n",
                namespace,
                "--for=jsonpath={.status.phase}=Succeeded",
                "--timeout=120s",
            )
            self.kubectl(*done)
            return self.kubectl("logs", name, "-n", namespace)
        finally:
            self.kubectl("delete", "pod", name, "-n", namespace, "--now", "--wait=false")

    def loaded(self) -> set[str]:
        """The names of the images that are in the node."""
        images = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"][0]["status"]["images"]
        return {name.removeprefix("docker.io/") for image in images for name in image["names"] or ()}

    @contextmanager
    def forward(self, service: str, port: int, namespace: str = "kubeflow") -> Iterator[str]:
        """A service of the cluster at an address of this machine, `127.0.0.1:PORT`."""
        here = free_port()
        command = [self.command, "forward", str(here), f"{service}.{namespace}:{port}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_until_open(here)
            yield f"127.0.0.1:{here}"
        finally:
            process.kill()
            process.wait()


def restricted(image: str, command: list[str], **limits: str) -> dict[str, Any]:
    """The specification of a pod with one container that Pod Security `restricted` lets in."""
    container = {
        "name": "main",
        "image": image,
        "command": command,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"limits": limits},
    }
    safe = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return {"containers": [container], "securityContext": safe}


def run(
    command: list[str], given: str | None = None, check: bool = True, environment: Mapping[str, str] | None = None
) -> str:
    """The output of a command. Raises CommandError with all that it said."""
    done = subprocess.run(
        command, cwd=ROOT, input=given, capture_output=True, text=True, env={**os.environ, **(environment or {})}
    )
    if check and done.returncode:
        raise CommandError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout if check else done.stdout + done.stderr


def _wait_until_open(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            urllib3.request("GET", f"http://127.0.0.1:{port}/", retries=False, timeout=1)
        except urllib3.exceptions.NewConnectionError:
            time.sleep(0.05)
        except urllib3.exceptions.HTTPError:
            return
        else:
            return
    raise TimeoutError(f"port {port}")
