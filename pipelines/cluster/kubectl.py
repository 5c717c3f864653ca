"""The one way to the cluster that is also open to people: `kubectl`, as the Makefile names it."""

import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posterity.errors import RefusedError, UnavailableError

MANIFESTS = Path(__file__).parents[2] / "manifests"
FIELD_MANAGER = "posterity"
DASHBOARD = (
    "http://127.0.0.1:8080 in kind, elsewhere behind kubectl port-forward -n kubeflow service/ml-pipeline-ui 8080:80"
)


def kubectl(*arguments: str, given: str | None = None) -> str:
    """The output of one call of $KUBECTL (a command with its options, default `kubectl`), `given` on its input.

    Raises UnavailableError where the cluster does not answer, RefusedError with what it says where it refuses.
    """
    command = [*shlex.split(os.environ.get("KUBECTL") or "kubectl"), *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True)
    except OSError as error:
        raise RefusedError(
            f"{command[0]} cannot be run ({error.strerror}); install kubectl, or name one in KUBECTL"
        ) from error
    if done.returncode:
        _refuse(command, done.stderr.strip())
    return done.stdout


def get(kind: str, name: str, namespace: str) -> dict[str, Any] | None:
    """One object, None where there is none."""
    return next(iter(get_all(kind, [name], namespace)), None)


def get_all(kind: str, names: Sequence[str], namespace: str) -> list[dict[str, Any]]:
    """Those of the named objects that there are."""
    text = kubectl("get", kind, *names, "--namespace", namespace, "--output", "json", "--ignore-not-found")
    found = json.loads(text) if text.strip() else {"items": []}
    return list(found["items"]) if "items" in found else [found]


def apply(text: str) -> list[str]:
    """Apply objects (YAML or JSON) on the server's side; a line of what happened for each."""
    options = ("--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")
    return kubectl("apply", *options, "--filename", "-", given=text).splitlines()


def _refuse(command: list[str], message: str) -> None:
    away = ("Unable to connect", "connection refused", "was refused", "no such host", "i/o timeout", "context deadline")
    if any(sign in message for sign in away):
        raise UnavailableError(f"the cluster does not answer: {message}; is it up, and is CONTEXT the right one?")
    raise RefusedError(f"{shlex.join(command)}: {message}")
