"""Databases to publish in: a file of SQLite, and a PostgreSQL server of the tests' own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
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
def postgres() -> Iterator[str]:
    """The URL of a server on the loopback, without any database of a test in it yet. It runs as no root would, in a
    folder of its own: pytest's are closed to other users."""
    user: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="posterity-postgres-") as folder:
        if os.getuid() == 0:
            user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(folder, "nobody", "nogroup")
        data, port = Path(folder) / "data", free_port()
        command = [find("initdb"), "-D", data, "-A", "trust", "-U", "posterity", "-E", "UTF8"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **user)
        options = ["-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off", "-c", "max_connections=20"]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen([find("postgres"), "-D", data, *options], stderr=log, cwd=folder, **user)
        url = f"postgresql://posterity@127.0.0.1:{port}"
        try:
            wait_for(url)
            yield url
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing in it is needed any more
            server.wait()


def wait_for(server: str) -> None:
    """Until a PostgreSQL server takes connections."""
    import psycopg

    until = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"{server}/postgres").close()
        except psycopg.OperationalError:
            assert time.monotonic() < until, f"{server} does not take connections"
            time.sleep(0.05)
        else:
            return


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
