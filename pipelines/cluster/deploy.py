"""Apply an overlay of `manifests/` and wait until it stands: `make deploy`.

    python -m pipelines.cluster.deploy OVERLAY TAG

Our images get the tag TAG. Repeating it changes nothing but what the manifests have changed.
"""

import re
import sys
import time
from collections.abc import Iterator

import yaml

from pipelines.cluster.kubectl import MANIFESTS, apply, kubectl
from posterity.errors import PosterityError, RefusedError, SettingsError, UnavailableError

TAGGED = re.compile(r"(image: \S*posterity/(?:stage|sample|server|registry)):dev$", re.MULTILINE)
PATIENCE = "300s"


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

    Raises SettingsError on an overlay that is not filled in, UnavailableError on one that does not come up.
    """
    text = render(overlay, tag)
    kubectl("delete", "job", "minio-setup", "--namespace", "kubeflow", "--ignore-not-found")
    yield f"{len(apply(text))} objects applied"
    for kind, name, namespace in _waited_for(text):
        _wait(kind, name, namespace)
        yield f"{namespace}/{name} {'is done' if kind == 'job' else 'is up'}"


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


def _wait(kind: str, name: str, namespace: str) -> None:
    """Raises UnavailableError with what Kubernetes last said about its pods."""
    how = ("wait", "--for=condition=complete") if kind == "job" else ("rollout", "status")
    try:
        kubectl(*how, f"{kind}/{name}", "--namespace", namespace, f"--timeout={PATIENCE}")
    except RefusedError as error:
        selector = f"--selector=app.kubernetes.io/name={name}"
        pods = kubectl("get", "pods", "--namespace", namespace, selector)
        raise UnavailableError(
            f"{namespace}/{name} has not come up within {PATIENCE}: {_reason(namespace, name)}\n{pods}"
            f"Look at `kubectl describe pod` and `kubectl logs` with --namespace {namespace} {selector}, then repeat"
        ) from error


def _reason(namespace: str, name: str) -> str:
    """The last complaint about a pod or its owner."""
    options = ("--namespace", namespace, "--field-selector=type=Warning", "--sort-by=.lastTimestamp")
    columns = "--output=custom-columns=:.involvedObject.name,:.message"
    events = kubectl("get", "events", *options, "--no-headers", columns)
    mine = [line for line in events.splitlines() if line.startswith(name)]
    return " ".join(mine[-1].split()) if mine else "nothing was complained about"


if __name__ == "__main__":
    main(sys.argv[1:])
