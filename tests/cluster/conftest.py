"""The lab with all of Posterity on it. Where there is no lab, these tests are skipped and say so."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.readme import example, write_data
from tests.shop import SPEC

from .cluster import Cluster, Reference
from .lab import MINIO, ROOT, CommandError, Lab

PACKAGE = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "town"
version = "1.0"

[project.entry-points."posterity.models"]
coffee = "town.coffee:Coffee"
shop = "town.shop:Shop"
valley = "town.valley:Valley"
"""


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
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's package of models: the README's example, a quick model and a slow one."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "town").mkdir()
    (folder / "pyproject.toml").write_text(PACKAGE)
    (folder / "town/__init__.py").write_text('"""Models of a town."""\n')
    (folder / "town/coffee.py").write_text(example()[1])
    shutil.copy(SPEC.rpartition(":")[0], folder / "town/shop.py")
    shutil.copy(Path(__file__).with_name("valley.py"), folder / "town")
    return folder


@pytest.fixture(scope="session")
def tag(lab: Lab, models: Path) -> str:
    """The tag of this checkout's images with the user's models on top; they are in the node.

    TAG names others that are there, for a quick look at a change.
    """
    found = os.environ.get("TAG") or lab.make("-s", "tag", f"MODELS={models}").split()[-1]
    if not {f"posterity/{name}:{found}" for name in ("stage", "sample", "server", "registry")} <= lab.loaded():
        lab.make("images", f"MODELS={models}")
        lab.make("load", f"MODELS={models}")
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


@pytest.fixture(scope="session")
def cluster(deployed: Lab, tag: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Runs on the cluster, and the store that they share."""
    with deployed.forward("minio-service", 9000) as store, deployed.forward("ml-pipeline", 8888) as api:
        yield Cluster(deployed, tag, f"http://{store}", f"http://{api}", tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def sales(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The README's data, in the store: the source of the model `coffee`."""
    folder = tmp_path_factory.mktemp("sales")
    words, _, blocks = example()
    name = words[words.index("--source") + 1]
    write_data(folder, name, blocks)
    cluster.store.overwrite(f"sources/{name}", (folder / name).read_bytes())
    return f"{cluster.store.url}/sources/{name}"


@pytest.fixture(scope="session")
def flights(cluster: Cluster) -> Reference:
    """What the bundled model gives on one machine, in the same image."""
    return cluster.reference("flights", "2013-03-31")


@pytest.fixture(scope="session")
def valley(cluster: Cluster) -> Reference:
    """What the slow model gives on one machine, in the same image, with five chains."""
    return cluster.reference("valley", "2026-01-31", "--chains", "5")
