"""Open store, pipelines API and registry of the cluster to this machine while a command runs: `make submit`.

    python -m pipelines.cluster.connect COMMAND…

What the environment names already is left as it is. Everything is closed again when the command ends.
"""

import base64
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pipelines.cluster.kubectl import get
from posterity.errors import PosterityError, SettingsError, UnavailableError

NAMESPACE = "kubeflow"
CREDENTIALS = ("posterity-operator", "posterity-store")  # of a person, else of the stages
INSIDE = re.compile(r"http://(?P<service>[\w-]+)\.kubeflow(?:\.svc[\w.]*)?:(?P<port>\d+)")
API = "http://ml-pipeline.kubeflow:8888"
OPENED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
LOGS = "s3://mlpipeline"


def main(arguments: list[str]) -> None:
    """Run the command and end with its exit code."""
    if not arguments:
        sys.exit(str(__doc__))
    try:
        with ExitStack() as open_ports:
            environment = {**os.environ, **settings(open_ports)}
            sys.exit(subprocess.run(arguments, env=environment).returncode)
    except PosterityError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def settings(open_ports: ExitStack) -> dict[str, str]:
    """The settings of the cluster's stages, as this machine has to put them: addresses inside it become open ports.

    Raises SettingsError when the cluster lacks them, UnavailableError when it does not answer.
    """
    found = {**_deployed(), "POSTERITY_API_ENDPOINT": API, "POSTERITY_LOGS": LOGS, **_credentials()}
    wanted = {name: value for name, value in found.items() if not os.environ.get(name)}
    return {name: _outside(value, open_ports) for name, value in wanted.items()}


def _deployed() -> dict[str, str]:
    config_map = get("configmap", "posterity-settings", NAMESPACE)
    if not config_map:
        raise SettingsError(f"there is no ConfigMap posterity-settings in namespace {NAMESPACE}; run make deploy")
    return {str(name): str(value) for name, value in config_map["data"].items()}


def _credentials() -> dict[str, str]:
    for name in CREDENTIALS:
        if secret := get("secret", name, NAMESPACE):
            return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    raise SettingsError(f"there is no Secret {CREDENTIALS[0]} in namespace {NAMESPACE}; run make secrets")


def _outside(value: str, open_ports: ExitStack) -> str:
    """A value as it is, but for the address of a service: that is opened to this machine."""
    inside = INSIDE.fullmatch(value)
    return open_ports.enter_context(_forward(inside["service"], inside["port"])) if inside else value


@contextmanager
def _forward(service: str, port: str) -> Iterator[str]:
    """The address here of a service. Raises UnavailableError with what kubectl says."""
    command = [*shlex.split(os.environ.get("KUBECTL") or "kubectl"), "port-forward", "--namespace", NAMESPACE]
    with subprocess.Popen(
        [*command, f"service/{service}", f":{port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said = process.stdout.readline() if process.stdout else ""
            opened = OPENED.search(said)
            if not opened:
                raise UnavailableError(f"service {service} of {NAMESPACE} cannot be opened: {said.strip()}; is it up?")
            yield f"http://127.0.0.1:{opened[1]}"
        finally:
            process.terminate()


if __name__ == "__main__":
    main(sys.argv[1:])
