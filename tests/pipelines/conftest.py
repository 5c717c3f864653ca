"""A folder in which a user has run the small model once, by the command, through kfp.local."""

import os
import shutil
import subprocess
import sys
import termios
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pexpect.fdpexpect import fdspawn

from posterity.runs import RunLog
from posterity.store import ObjectStore, open_store
from tests.pipelines import readme
from tests.shop import write_sales

WAIT = 300.0  # seconds, for what ends long before unless something is wrong
AS_OF = "2026-02-28"
MODEL = "shop.py:Shop"


@dataclass(frozen=True)
class Folder:
    """Where a user works: model, data, store and registry."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        registry = {"POSTERITY_REGISTRY": f"sqlite:///{self.path}/registry.db"}
        return {**os.environ, "POSTERITY_STORE": f"file://{self.path}/store", "POSTERITY_RELEASE": "off", **registry}

    @property
    def store(self) -> ObjectStore:
        return open_store(f"file://{self.path}/store")

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`posterity ARGUMENTS` in this folder, to its end."""
        return subprocess.run(
            self.call(arguments),
            cwd=self.path,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """The same without waiting for it."""
        pipe = subprocess.PIPE
        variables = {**self.environment, **environment}
        return subprocess.Popen(self.call(arguments), cwd=self.path, env=variables, stdout=pipe, stderr=pipe, text=True)

    @staticmethod
    def call(arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "pipelines.cli", *arguments]

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One run of the model."""
        return self.command("run", MODEL, "--as-of", AS_OF, "--source", "sales.csv", "--name", name, *arguments)

    def digests(self, run: str, store: ObjectStore | None = None) -> dict[str, str]:
        """Name of an artifact → its digest, for all that does not depend on the clock."""
        records = RunLog(store or self.store, run).stages()
        made = {name: output for record in records for name, output in record.outputs.items()}
        return {name: str(output["sha256"]) for name, output in made.items() if name != "version"}


def new_folder(path: Path) -> Folder:
    shutil.copy(Path(__file__).parents[1] / "shop.py", path)
    write_sales(path / "sales.csv")
    return Folder(path)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder with one finished run, `first`; shared by all tests. The store as it was then is kept as `first`."""
    made = new_folder(tmp_path_factory.mktemp("user"))
    done = made.run("first", "--json")
    assert done.returncode == 0, done.stderr
    shutil.copytree(made.path / "store", made.path / "first")
    return made


@pytest.fixture
def empty(tmp_path: Path) -> Folder:
    """A folder in which nothing has run."""
    return new_folder(tmp_path)


class Terminal(fdspawn):
    """`posterity ARGUMENTS` on a pseudo-terminal of 50 lines with 140 columns.

    Not `pexpect.spawn`, which forks: JAX, loaded by other tests, forbids that.
    """

    def __init__(self, folder: Folder, *arguments: str) -> None:
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (50, 140))
        environment = {**folder.environment, "TERM": "xterm-256color"}
        ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self.process = subprocess.Popen(folder.call(arguments), cwd=folder.path, env=environment, **ends)
        os.close(theirs)
        super().__init__(ours, timeout=WAIT, encoding="utf-8")

    def wait(self) -> int:
        """The exit code, once it has ended."""
        code = self.process.wait(WAIT)
        self.close()
        return code


@dataclass(frozen=True)
class Newcomer:
    """Somebody who has copied the README's example and run it, as the run `first`, at a terminal: what was seen."""

    folder: Folder
    words: list[str]
    screen: str


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    path = tmp_path_factory.mktemp("newcomer")
    words = readme.copy_example(path)
    terminal = Terminal(Folder(path), *words, "--name", "first")
    screen = terminal.read()
    assert terminal.wait() == 0, screen[-3000:]
    return Newcomer(Folder(path), words, screen)
