"""A directory as an object store."""

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from posterity.errors import ConflictError, NotFoundError, SettingsError, UnavailableError
from posterity.store.digest import digest_bytes
from posterity.store.files import make_folder, new_file, sync_folder
from posterity.store.objects import STAGING, check_key, check_prefix

PIECE = 1 << 20  # bytes copied at once
STALE = 60.0  # seconds after which a staged file without a living writer is litter


class DirectoryStore:
    """Objects as files below `root`, which needs hard links: they make put-if-absent atomic, renames the rest."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.url = f"file://{self.root}"
        self._cleaned = False

    def put(self, key: str, data: bytes) -> bool:
        return self._link(key, data)

    def put_file(self, key: str, path: Path) -> bool:
        return self._link(key, path)

    def get(self, key: str) -> bytes:
        with self._reading(key):
            return self._path(key).read_bytes()

    def get_file(self, key: str, path: Path) -> None:
        with self._reading(key):
            source = self._path(key).open("rb")
        with source, new_file(path) as target:
            shutil.copyfileobj(source, target, PIECE)

    def size(self, key: str) -> int | None:
        with self._guarded(key):
            path = self._path(key)
            return path.stat().st_size if path.is_file() else None

    def list(self, prefix: str) -> Iterator[str]:
        self._check_root()
        folder = self.root / check_prefix(prefix).rpartition("/")[0]
        found = []
        for base, folders, files in os.walk(folder, onerror=self._walk_failed):
            folders[:] = [name for name in folders if name != STAGING]
            found += [(Path(base) / name).relative_to(self.root).as_posix() for name in files]
        yield from sorted(key for key in found if key.startswith(prefix))

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._guarded(key), suppress(FileNotFoundError, NotADirectoryError):
            if path.is_file():
                path.unlink()
                sync_folder(path.parent)

    def erase(self, key: str) -> None:
        self.delete(key)

    def read(self, key: str) -> tuple[bytes, str] | None:
        try:
            data = self.get(key)
        except NotFoundError:
            return None
        return data, digest_bytes(data)

    def replace(self, key: str, data: bytes, expected: str | None) -> str:
        with self._guarded(key), self._locked():
            current = self.read(key)
            if (current[1] if current else None) != expected:
                raise ConflictError(f"{self.url}/{key} was changed by somebody else; read it again and repeat")
            self.overwrite(key, data)
        return digest_bytes(data)

    def overwrite(self, key: str, data: bytes) -> None:
        target = self._path(key)
        with self._guarded(key), self._staged(target, data) as staged:
            staged.replace(target)
            sync_folder(target.parent)

    def _link(self, key: str, content: bytes | Path) -> bool:
        """Put-if-absent."""
        target = self._path(key)
        with self._guarded(key):
            if target.is_file():
                return False
            with self._staged(target, content) as staged:
                try:
                    os.link(staged, target)
                except FileExistsError:
                    if target.is_dir():
                        raise
                    return False
                sync_folder(target.parent)
                return True

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    @contextmanager
    def _staged(self, target: Path, content: bytes | Path) -> Iterator[Path]:
        """`content` as a finished, synced file on the store's file system, gone afterwards."""
        make_folder(target.parent)
        make_folder(self.root / STAGING)
        self._clean()
        staged = self.root / STAGING / secrets.token_hex(16)
        try:
            with staged.open("xb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # says that its writer lives
                _write(file, content)
                yield staged
        finally:
            staged.unlink(missing_ok=True)

    def _clean(self) -> None:
        """Once per process, remove what killed writers have left."""
        if self._cleaned:
            return
        self._cleaned = True
        for path in (self.root / STAGING).iterdir():
            with suppress(OSError):
                if path.name != "lock" and time.time() - path.stat().st_mtime > STALE:
                    with path.open("rb") as file:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        path.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self.root / STAGING)
        with (self.root / STAGING / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        with self._guarded(key):
            try:
                yield
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                raise NotFoundError(f"{self.url}/{key} is not in the store") from error

    @contextmanager
    def _guarded(self, key: str) -> Iterator[None]:
        """Errors of the file system as errors of the store."""
        self._check_root()
        try:
            yield
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise SettingsError(
                f"{self.url}/{key} cannot be an object and a folder of others at once; choose another name"
            ) from error
        except OSError as error:
            raise self._away(error) from error

    def _check_root(self) -> None:
        """A store whose folder has become something else is away; its objects are not missing."""
        if self.root.exists() and not self.root.is_dir():
            raise self._away(NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))

    def _walk_failed(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise self._away(error) from error

    def _away(self, error: OSError) -> UnavailableError:
        return UnavailableError(f"{self.url} cannot be used ({error.strerror}); check its path, rights and free space")


def _write(file: BinaryIO, content: bytes | Path) -> None:
    if isinstance(content, Path):
        if not content.is_file():
            raise NotFoundError(f"{content} does not exist, so it cannot be stored")
        with content.open("rb") as source:
            shutil.copyfileobj(source, file, PIECE)
    else:
        file.write(content)
    file.flush()
    os.fsync(file.fileno())
