"""Prepare a cluster: namespaces, credentials, Kubeflow Pipelines: `make cluster`.

    python -m pipelines.cluster.install OVERLAY [FOLDER]

FOLDER is a kustomization of Kubeflow Pipelines with a folder `cluster` beside its parts: what has to be there first.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.cluster.kubectl import DASHBOARD, MANIFESTS, apply, kubectl
from pipelines.cluster.secrets import generate
from posterity.errors import PosterityError

# What comes up without a store; the API server and the dashboard follow when `make deploy` has set one up.
FIRST = ("mysql", "metadata-grpc-deployment", "workflow-controller")
PATIENCE = "900s"


def main(arguments: list[str]) -> None:
    """Install, and say where to look."""
    if len(arguments) not in {1, 2}:
        sys.exit(str(__doc__))
    try:
        for line in install(arguments[0], Path(arguments[1]) if len(arguments) == 2 else None):
            print(line, flush=True)
    except PosterityError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)


def install(overlay: str, pipelines: Path | None) -> Iterator[str]:
    """Each step, in an order in which everything can be repeated."""
    if pipelines:
        apply(kubectl("kustomize", str(pipelines / "cluster")))
        kubectl("wait", "--for=condition=established", "--timeout=120s", "customresourcedefinitions", "--all")
        yield "resource definitions of Kubeflow Pipelines are there"
    yield from generate(MANIFESTS / "overlays" / overlay)
    if pipelines:
        apply(kubectl("kustomize", str(pipelines)))
        for name in FIRST:
            kubectl("rollout", "status", f"deployment/{name}", "--namespace", "kubeflow", f"--timeout={PATIENCE}")
        yield "Kubeflow Pipelines is installed; it comes up as soon as there is a store"
    yield f"the dashboard will be at {DASHBOARD}"


if __name__ == "__main__":
    main(sys.argv[1:])
