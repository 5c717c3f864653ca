"""Databases to publish in: a file of SQLite, and a PostgreSQL server of the tests' own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posterity.release import approvals, pins, staging
from posterity.store.directory import DirectoryStore

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=None)


def find(program: str) -> str:
    """A program of PostgreSQL, which Debian keeps out of the PATH."""
    found = shutil.which(program) or (BINARIES and shutil.which(program, path=str(BINARIES)))
    assert found, f"{program} is not installed; on Debian it comes with the package postgresql"
    return found


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server on the loopback, without any database of a test in it yet. It runs as no root would."""
    folder = tmp_path_factory.mktemp("postgres")
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        for path in (folder, *list(folder.parents)[:2]):
            path.chmod(0o711)
        shutil.chown(folder, "nobody", "nogroup")
    data, port = folder / "data", free_port()
    quiet: dict[str, Any] = {"check": True, "capture_output": True, "cwd": folder}
    subprocess.run([find("initdb"), "-D", data, "-A", "trust", "-U", "posterity", "-E", "UTF8"], **quiet, **user)
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=20"
    control = [find("pg_ctl"), "-D", data, "-l", folder / "log", "-o", options, "-w"]
    subprocess.run([*control, "start"], **quiet, **user)
    yield f"postgresql://posterity@127.0.0.1:{port}"
    subprocess.run([*control, "-m", "immediate", "stop"], **quiet, **user)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_database(server: str, name: str) -> str:
    """The URL of a new, empty database of a server."""
    import psycopg

    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/products.db"
    return new_database(request.getfixturevalue("postgres"), tmp_path.name)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


class Acting:
    """Who acts in a test; the machine alone would know one."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.become("ada@lab")

    def become(self, name: str) -> None:
        for module in (approvals, pins, staging):
            self._patch.setattr(module, "who", lambda: name)


@pytest.fixture
def acting(monkeypatch: pytest.MonkeyPatch) -> Acting:
    return Acting(monkeypatch)
