"""The lab with all of Posterity on it. Where there is no lab, these tests are skipped and say so."""

import os
from pathlib import Path

import pytest

from .lab import MINIO, ROOT, CommandError, Lab


@pytest.fixture(scope="session")
def lab() -> Lab:
    """A cluster that is up; it is built and started if need be."""
    command = Path(os.environ.get("LAB") or ROOT.parent / "shared/lab/lab").resolve()
    if not os.access(command, os.X_OK):
        pytest.skip(f"there is no cluster lab at {command} (LAB names another)")
    if os.geteuid() != 0:
        pytest.skip("the cluster lab needs root")
    found = Lab(command)
    if not found.is_up():
        for verb in ("install", "build", "base-images", "up"):
            found(verb)
    return found


@pytest.fixture(scope="session")
def tag(lab: Lab) -> str:
    """The tag of this checkout's images, which are in the node."""
    found = lab.make("-s", "tag").split()[-1]
    if not {f"posterity/{name}:{found}" for name in ("stage", "sample", "server", "registry")} <= lab.loaded():
        lab.make("images")
        lab.make("load")
    if MINIO not in lab.loaded():
        lab("minio-image", MINIO)
        lab("load", MINIO)
    return found


@pytest.fixture(scope="session")
def deployed(lab: Lab, tag: str) -> Lab:
    """All of Posterity is deployed, and the stand-in for the pipelines API is up."""
    try:
        lab.make("deploy", f"TAG={tag}")
    except CommandError as failure:
        pytest.exit(f"what the cluster tests need cannot be deployed: {failure}")
    lab("pipelines", "up")
    return lab
