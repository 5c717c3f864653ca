"""A directory as an object store."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from posterity.errors import ConflictError, NotFoundError, SettingsError, UnavailableError
from posterity.store.digest import digest_bytes

STAGING = ".staging"  # unfinished files; never listed


class DirectoryStore:
    """Objects as files below `root`. Hard links make put-if-absent atomic, renames make replacing atomic."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.url = f"file://{self.root}"

    def put(self, key: str, data: bytes) -> bool:
        target = self._path(key)
        with self._staged(target, data) as staged:
            return _link(staged, target)

    def put_file(self, key: str, path: Path) -> bool:
        target = self._path(key)
        with self._staged(target, path) as staged:
            return _link(staged, target)

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFoundError(f"{self.url}/{key} is not in the store") from error
        except OSError as error:
            raise self._away(error) from error

    def get_file(self, key: str, path: Path) -> None:
        data = self.get(key)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(data)
        partial.replace(path)

    def size(self, key: str) -> int | None:
        path = self._path(key)
        return path.stat().st_size if path.is_file() else None

    def list(self, prefix: str) -> Iterator[str]:
        folder = self.root / prefix.rpartition("/")[0]
        found = []
        for base, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if name != STAGING]
            found += [(Path(base) / name).relative_to(self.root).as_posix() for name in files]
        yield from sorted(key for key in found if key.startswith(prefix))

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def read(self, key: str) -> tuple[bytes, str] | None:
        try:
            data = self.get(key)
        except NotFoundError:
            return None
        return data, digest_bytes(data)

    def replace(self, key: str, data: bytes, expected: str | None) -> str:
        target = self._path(key)
        with self._locked():
            current = self.read(key)
            if (current[1] if current else None) != expected:
                raise ConflictError(f"{self.url}/{key} was changed by somebody else; read it again and repeat")
            with self._staged(target, data) as staged:
                staged.replace(target)
        return digest_bytes(data)

    def overwrite(self, key: str, data: bytes) -> None:
        target = self._path(key)
        with self._staged(target, data) as staged:
            staged.replace(target)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not all(parts) or any(part in {".", "..", STAGING} for part in parts):
            raise SettingsError(f"{key!r} is not a key of a store; use relative names joined by /")
        return self.root / key

    @contextmanager
    def _staged(self, target: Path, content: bytes | Path) -> Iterator[Path]:
        """`content` as a finished, synced file beside the store's objects, gone afterwards."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.root / STAGING).mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.root / STAGING)
            staged = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    _write(file.fileno(), content)
                yield staged
            finally:
                staged.unlink(missing_ok=True)
        except OSError as error:
            raise self._away(error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        (self.root / STAGING).mkdir(parents=True, exist_ok=True)
        with (self.root / STAGING / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _away(self, error: OSError) -> UnavailableError:
        return UnavailableError(f"{self.url} cannot be used ({error.strerror}); check its path, rights and free space")


def _write(descriptor: int, content: bytes | Path) -> None:
    if isinstance(content, Path):
        with content.open("rb") as source:
            while piece := source.read(1 << 20):
                os.write(descriptor, piece)
    else:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _link(staged: Path, target: Path) -> bool:
    try:
        os.link(staged, target)
    except FileExistsError:
        return False
    return True
