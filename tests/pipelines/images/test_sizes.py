"""Sizes of images: measured layer by layer, and each layer once."""

import gzip
import io
import json
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.images.engine import Engine
from pipelines.images.sizes import Size, compressed_size, sizes
from posterity.errors import UnavailableError

DOCKER = """
import json, pathlib, shutil, sys
folder = pathlib.Path(sys.argv[1])
if sys.argv[2:4] == ["image", "inspect"]:
    facts = json.loads((folder / "facts.json").read_text())
    if sys.argv[4] not in facts:
        sys.exit(f"Error: No such image: {sys.argv[4]}")
    print(json.dumps([facts[sys.argv[4]]]))
elif sys.argv[2] == "save":
    with (folder / "calls").open("a") as calls:
        calls.write(" ".join(sys.argv[3:]) + "\\n")
    shutil.copyfileobj((folder / "images.tar").open("rb"), sys.stdout.buffer)
"""
PLAIN = bytes(range(256)) * 4000
SECOND = b"second" * 10_000


class Archive:
    """A folder from which a program answers as docker does; archives had other layouts before docker 25 than since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = Engine([sys.executable, "-c", DOCKER, str(folder)], [])

    def write(self, members: Mapping[str, bytes | str], images: Mapping[str, Mapping[str, str]]) -> None:
        """members: name → content, or what it is a link to; images: name → digest of a layer → its name."""
        facts = {name: {"Size": 7, "RootFS": {"Layers": list(layers)}} for name, layers in images.items()}
        (self.folder / "facts.json").write_text(json.dumps(facts))
        listed = [{"RepoTags": [name], "Layers": list(layers.values())} for name, layers in images.items()]
        with tarfile.open(self.folder / "images.tar", "w") as archive:
            for name, content in {**members, "manifest.json": json.dumps(listed).encode()}.items():
                entry = tarfile.TarInfo(name)
                if isinstance(content, str):
                    entry.type, entry.linkname = tarfile.SYMTYPE, content
                    archive.addfile(entry)
                else:
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))

    def calls(self) -> list[str]:
        """The images that were saved, a line for each time."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def gzipped(content: bytes) -> int:
    return compressed_size(io.BytesIO(content))


def test_compressed_is_what_gzip_makes_of_it() -> None:
    rng = np.random.default_rng(1)
    content = rng.normal(size=1_000_000).round(1).tobytes()
    assert gzipped(content) == pytest.approx(len(gzip.compress(content, 6)), rel=0.01)
    assert gzipped(b"") < 30


def test_what_is_compressed_already_counts_as_it_is() -> None:
    content = gzip.compress(PLAIN)
    assert gzipped(content) == len(content)


def test_layers_are_added_up_and_shared_ones_measured_once(archive: Archive, tmp_path: Path) -> None:
    members: dict[str, Any] = {
        "b1/layer.tar": PLAIN,
        "b1/json": b"{}",
        "b2/layer.tar": "../b1/layer.tar",
        "b3/layer.tar": SECOND,
    }
    layers = {"sha256:1": "b1/layer.tar", "sha256:2": "b2/layer.tar"}
    archive.write(members, {"a:1": layers, "b:1": {**layers, "sha256:3": "b3/layer.tar"}})
    known = tmp_path / "build/layers.json"
    expected = {
        "a:1": Size(7, 2 * gzipped(PLAIN)),
        "b:1": Size(7, 2 * gzipped(PLAIN) + gzipped(SECOND)),
    }
    assert sizes(archive.engine, ["a:1", "b:1"], known) == expected
    assert sizes(archive.engine, ["a:1", "b:1"], known) == expected
    assert archive.calls() == ["a:1 b:1"]


def test_a_layer_that_is_known_is_not_compressed_again(archive: Archive, tmp_path: Path) -> None:
    first = {"sha256:1": "blobs/sha256/1"}
    archive.write({"blobs/sha256/1": PLAIN}, {"a:1": first})
    known = tmp_path / "layers.json"
    before = sizes(archive.engine, ["a:1"], known)["a:1"].compressed
    archive.write({"blobs/sha256/1": b"", "blobs/sha256/2": SECOND}, {"a:2": {**first, "sha256:2": "blobs/sha256/2"}})
    assert sizes(archive.engine, ["a:2"], known)["a:2"].compressed == before + gzipped(SECOND)


def test_an_image_that_is_not_there_is_told_from_a_docker_that_does_not_answer(archive: Archive) -> None:
    archive.write({}, {})
    assert archive.engine.facts("a:1") is None
    broken = Engine([sys.executable, "-c", "import sys; sys.exit('Cannot connect to the Docker daemon')"], [])
    with pytest.raises(UnavailableError, match=r"Cannot connect to the Docker daemon; start it, .* make DOCKER=…"):
        broken.facts("a:1")
    with pytest.raises(UnavailableError, match="nowhere/docker cannot be run"):
        Engine(["nowhere/docker"], []).facts("a:1")
