"""What an image is made from, and the tag that is a digest of it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from posterity.errors import SettingsError
from posterity.store.digest import digest_bytes, digest_json

BASE = "python:3.11-slim-bookworm"
LENGTH = 16  # hexadecimal digits of a tag
LEFT_OUT = re.compile(r"__pycache__|\..*|.*\.egg-info|.*\.pyc")


def image_tag(root: Path, base: str = BASE) -> str:
    """The tag of the images made from the checkout in `root` on the image `base`."""
    return _tag({"base": base, "files": digests(root, inputs(root))})


def model_tag(tag: str, files: Mapping[str, str]) -> str:
    """The tag of the images `tag` with a package on top that consists of `files`, name → digest."""
    return _tag({"images": tag, "files": dict(files)})


def inputs(root: Path) -> list[Path]:
    """The files that the images are made from: the context of the build, less what is compiled from the rest of it.

    `.dockerignore` names what the context holds. Raises SettingsError where `root` is no checkout of Posterity.
    """
    ignore = root / ".dockerignore"
    if not ignore.is_file():
        raise SettingsError(f"{root} has no .dockerignore; images are built in a checkout of Posterity, so go there")
    allowed = [root / line[1:] for line in ignore.read_text().splitlines() if line.startswith("!")]
    found = [path for place in allowed for path in (files_in(place) if place.is_dir() else [place])]
    return sorted(path for path in found if path.parent != root / "pipelines" or path.suffix != ".yaml")


def files_in(folder: Path) -> Iterator[Path]:
    """The files in `folder` at any depth, without caches, build products and whatever is hidden."""
    for path in folder.iterdir():
        if not LEFT_OUT.fullmatch(path.name):
            if path.is_dir():
                yield from files_in(path)
            else:
                yield path


def digests(root: Path, paths: list[Path]) -> dict[str, str]:
    """Name of a file, relative to `root` → SHA-256 of its content."""
    return {path.relative_to(root).as_posix(): digest_bytes(path.read_bytes()) for path in paths}


def _tag(facts: Mapping[str, object]) -> str:
    return digest_json(dict(facts))[:LENGTH]
