"""Apply an overlay of `manifests/` and wait until it stands: `make deploy`.

    python -m pipelines.cluster.deploy OVERLAY TAG

Our images get the tag TAG. Repeating it changes nothing but what the manifests have changed.
"""

import re
import sys
import time
from collections.abc import Iterator

import yaml

from pipelines.cluster.kubectl import DASHBOARD, MANIFESTS, apply, get, kubectl
from pipelines.cluster.rollout import wait
from posterity.errors import PosterityError, SettingsError

TAGGED = re.compile(r"(image: \S*posterity/(?:stage|sample|server|registry)):dev$", re.MULTILINE)


def main(arguments: list[str]) -> None:
    """Apply, wait, say how long each took."""
    if len(arguments) != 2:
        sys.exit(str(__doc__))
    try:
        began = time.monotonic()
        for line in deploy(*arguments):
            print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)
    except PosterityError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)


def deploy(overlay: str, tag: str) -> Iterator[str]:
    """Apply `overlay`, a line for each step.

    Raises SettingsError on an overlay that is not filled in, RefusedError or UnavailableError on one that does not come
    up.
    """
    text = render(overlay, tag)
    kubectl("delete", "job", "minio-setup", "--namespace", "kubeflow", "--ignore-not-found")
    yield f"{len(apply(text))} objects applied"
    for kind, name, namespace in _waited_for(text):
        wait(kind, name, namespace)
        yield f"{namespace}/{name} {'is done' if kind == 'job' else 'is up'}"
    yield from _wake_pipelines()


def render(overlay: str, tag: str) -> str:
    """The objects of `overlay` as YAML, our images with `tag`. Raises SettingsError naming what is still an example."""
    folder = MANIFESTS / "overlays" / overlay
    text = TAGGED.sub(rf"\1:{tag}", kubectl("kustomize", str(folder)))
    if found := re.search(r"\S*\bexample\.com\b\S*", text):
        raise SettingsError(f"{found[0]} is an example; put what is yours into {folder}/kustomization.yaml")
    return text


def _waited_for(text: str) -> Iterator[tuple[str, str, str]]:
    """What of the rendered objects is to come up, in the order in which it can: store, its set-up, everything else."""
    order = {"StatefulSet": 0, "Job": 1, "Deployment": 2}
    found = [item for item in yaml.safe_load_all(text) if item["kind"] in order]
    for item in sorted(found, key=lambda item: order[item["kind"]]):
        yield item["kind"].lower(), item["metadata"]["name"], item["metadata"]["namespace"]


def _wake_pipelines() -> Iterator[str]:
    """The API server of Kubeflow Pipelines ends where there is no store, and pauses for longer each time."""
    if there := get("deployment", "ml-pipeline", "kubeflow"):
        if not there["status"].get("availableReplicas"):
            kubectl("rollout", "restart", "deployment/ml-pipeline", "--namespace", "kubeflow")
        kubectl("rollout", "status", "deployment/ml-pipeline", "--namespace", "kubeflow", "--timeout=300s")
        yield f"kubeflow/ml-pipeline is up; the dashboard is at {DASHBOARD}"


if __name__ == "__main__":
    main(sys.argv[1:])
