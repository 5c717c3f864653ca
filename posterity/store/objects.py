"""The object store as the rest of the library sees it.

Keys are relative, with `/` between their parts. Objects are written once (put-if-absent) under a key that
their content decides; the few objects that change (pointers) are replaced by compare-and-swap.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from posterity.errors import SettingsError

STAGING = ".staging"  # a directory's unfinished files; no part of a key


class ObjectStore(Protocol):
    """What a directory and an S3 bucket have in common.

    An object is seen whole or not at all, and once a write has returned it survives a crash of the machine. Every
    method raises `UnavailableError` when the store cannot be reached or is full, and `SettingsError` on a key that is
    none (`check_key`) or that is a folder of other keys.
    """

    url: str

    def put(self, key: str, data: bytes) -> bool:
        """Write `data` under `key` if nothing is there; atomically. Returns whether it was written."""

    def put_file(self, key: str, path: Path) -> bool:
        """Like `put`, streaming from a file."""

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises NotFoundError."""

    def get_file(self, key: str, path: Path) -> None:
        """Stream the object under `key` to `path`, atomically. Raises NotFoundError."""

    def size(self, key: str) -> int | None:
        """Bytes of the object under `key`, None where there is none."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""

    def delete(self, key: str) -> None:
        """Remove the object under `key`; nothing happens where there is none."""

    def erase(self, key: str) -> None:
        """Remove the object under `key` for good, its earlier versions and a retention that can be lifted included."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's bytes and its version tag (for `replace`), None where there is none."""

    def replace(self, key: str, data: bytes, expected: str | None) -> str:
        """Compare-and-swap: write `data` if the version tag is still `expected` (None: nothing there yet).

        Returns the new version tag. Raises ConflictError when somebody else was faster.
        """

    def overwrite(self, key: str, data: bytes) -> None:
        """Write `data` unconditionally; for progress and other objects with one writer."""


def open_store(url: str, patient: bool = True) -> ObjectStore:
    """The store behind `file:///directory` or `s3://bucket/prefix`. Raises SettingsError on another URL.

    A `patient` one waits half a minute for an S3 server that is away; another says so at once.
    """
    if url.startswith("file:///"):
        from posterity.store.directory import DirectoryStore

        return DirectoryStore(Path(url.removeprefix("file://")))
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        from posterity.store.s3 import HASTY, RETRY, S3Store

        return S3Store.from_environment(parts.netloc, parts.path.strip("/"), RETRY if patient else HASTY)
    raise SettingsError(f"POSTERITY_STORE={url!r} is not a store; use file:///directory or s3://bucket/prefix")


def check_key(key: str) -> str:
    """`key`, if every kind of store can hold it: printable names of at most 255 bytes, 1,000 bytes in all.

    Raises SettingsError otherwise.
    """
    parts = key.split("/")
    fits = len(key.encode()) <= 1000 and all(0 < len(part.encode()) <= 255 for part in parts)
    if not (fits and key.isprintable()) or {".", "..", STAGING} & set(parts):
        raise SettingsError(f"{key!r} is not a key of a store; use short relative names joined by /")
    return key


def check_prefix(prefix: str) -> str:
    """`prefix`, if keys can begin with it. Raises SettingsError otherwise."""
    folder = prefix.rpartition("/")[0]
    if folder or prefix.startswith("/"):
        check_key(folder)
    return prefix
