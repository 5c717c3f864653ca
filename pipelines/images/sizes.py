"""How large images are: on disk, and compressed as a registry keeps them and a node fetches them."""

import json
import posixpath
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from pipelines.images.engine import Engine

LEVEL = 6  # of gzip, as docker push has it
GZIP = b"\x1f\x8b"
PIECE = 1 << 20
BATCH = 64  # pieces in memory at a time


@dataclass(frozen=True)
class Size:
    """Bytes of an image."""

    disk: int
    compressed: int


def disk_size(engine: Engine, image: str) -> int:
    """Bytes of an image that is there, on disk."""
    return int((engine.facts(image) or {})["Size"])


def sizes(engine: Engine, images: Sequence[str], known: Path) -> dict[str, Size]:
    """The sizes of images that are there; `known` is a file that keeps those of layers, which never change."""
    facts = {image: engine.facts(image) or {} for image in images}
    layers = {image: list(facts[image]["RootFS"]["Layers"]) for image in images}
    measured: dict[str, int] = json.loads(known.read_text()) if known.exists() else {}
    if missing := [image for image in images if not set(layers[image]) <= set(measured)]:
        with engine.save(missing) as process, tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            measured |= _measure(archive, layers, measured)
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(json.dumps(measured, indent=1))
    return {image: Size(disk_size(engine, image), sum(measured[layer] for layer in layers[image])) for image in images}


def _measure(archive: tarfile.TarFile, layers: Mapping[str, Sequence[str]], known: Mapping[str, int]) -> dict[str, int]:
    """The compressed size of each layer in an archive of images, by its digest and by its name in the archive.

    layers: image → digests of its layers; known: what was measured before, by either name.
    """
    found: dict[str, int] = {}
    links: dict[str, str] = {}
    manifest: list[dict[str, list[str]]] = []
    for member in archive:
        content = archive.extractfile(member) if member.isfile() else None
        if member.name == "manifest.json" and content:
            manifest = json.load(content)
        elif content:
            found[member.name] = known[member.name] if member.name in known else compressed_size(content)
        elif member.issym():  # a layer that is there twice
            links[member.name] = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
    measured: dict[str, int] = {}
    for entry in manifest:
        for image in entry["RepoTags"]:
            for layer, name in zip(layers[image], entry["Layers"], strict=True):
                measured[layer] = measured[name] = found[links.get(name, name)]
    return measured


def compressed_size(content: IO[bytes]) -> int:
    """Bytes of `content` after gzip; what is compressed already counts as it is."""
    pieces = iter(lambda: content.read(PIECE), b"")
    first = next(pieces, b"")
    if first.startswith(GZIP):
        return len(first) + sum(map(len, pieces))
    total = len(_compress(first))
    with ThreadPoolExecutor() as pool:  # piece by piece, as pigz does: a tenth of a percent more, on all cores
        while batch := list(islice(pieces, BATCH)):
            total += sum(map(len, pool.map(_compress, batch)))
    return total


def _compress(piece: bytes) -> bytes:
    return zlib.compress(piece, LEVEL)
