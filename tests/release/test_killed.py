"""A promotion whose process is killed: at each step in turn, and at random moments.

Whatever the moment, pointer, server and database each show the old or the new version whole; after a repetition all
three show the new one.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from posterity.registry import aliases, audit, versions
from posterity.release.client import Client
from posterity.release.database import Database
from posterity.release.process import serving
from posterity.release.production import Grounds, Production, in_production
from posterity.settings import Settings
from posterity.store.directory import DirectoryStore
from tests.release.products import predictions, register

WRITES = ("put", "put_file", "replace", "overwrite")
RANDOM = 8  # kills at random moments
ROWS = {1: 40, 2: 70}

# JAX, which other tests load, warns of every fork; nothing of it runs in these children.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")


class Steps:
    """Counts what a promotion does to the world outside, and kills its process before or after one of these steps."""

    def __init__(self, fatal: int = 0) -> None:
        self.count = 0
        self.names: list[str] = []
        self.fatal = fatal

    def step(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        whole = getattr(owner, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            self.step(f"before {name}")
            result = whole(*arguments, **options)
            self.step(f"after {name}")
            return result

        setattr(owner, name, counted)

    def watch(self, made: Production) -> None:
        """Every write to the store, every statement and commit in the database, every other question to the server."""
        for name in WRITES:
            self.around(made.store, name)
        assert made.database
        sa.event.listen(made.database.engine, "before_cursor_execute", lambda *_: self.step("statement"))
        sa.event.listen(made.database.engine, "commit", lambda _: self.step("before commit"))
        for name in ("publish", "switch"):
            self.around(made.database, name)
        for name in ("wait_ready", "wait_for", "wait_current"):
            self.around(made.client, name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    store = DirectoryStore(folder / "store")
    for number, rows in ROWS.items():
        register(store, predictions(rows, number, mark=float(number)))
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serving(Settings(store=DirectoryStore(folder / "store").url), "flights@champion") as client:
        yield client.url


@pytest.fixture
def fresh(folder: Path, url: str, database_url: str) -> Callable[[], Production]:
    """What a process that promotes starts with."""
    return lambda: Production(DirectoryStore(folder / "store"), Client(url), Database(database_url))


def promote(made: Production, number: int) -> None:
    version = versions.get(made.store, f"flights/{number}")
    made.promote(version, Grounds("approval", "ada@lab", "test"))


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own; returns its identifier."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)


def ended(child: int) -> int:
    """The signal that ended a child, 0 if none did. One that failed fails the test."""
    status = os.waitpid(child, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def shown(made: Production) -> tuple[int | None, int | None, int | None]:
    """The version that pointer, server and database show; that what they show is whole has been looked at."""
    pointer, server = aliases.current(made.store, "flights", "champion"), made.client.current("flights")
    if server is not None:
        page = made.client.get("/v1/products/flights/predictions?limit=10000").json
        assert page["rows"] == len(page["predictions"]) == ROWS[page["version"]]
    return pointer, server, in_database(made)


def in_database(made: Production) -> int | None:
    assert made.database
    if not sa.inspect(made.database.engine).has_table("posterity_current"):
        return None
    number = made.database.current("flights")
    if number is not None:
        with made.database.engine.connect() as connection:
            table = pd.read_sql_query(sa.text("SELECT version, mark FROM flights_current"), connection)
        assert len(table) == ROWS[number]
        assert set(table["version"]) == {number}
        assert set(table["mark"]) == {float(number)}
    return number


def start_from(fresh: Callable[[], Production], number: int) -> Production:
    made = fresh()
    promote(made, number)
    assert shown(made) == (number,) * 3
    return made


def assert_old_or_new(found: tuple[int | None, ...], old: int, new: int) -> None:
    pointer, server, database = found
    assert {pointer, server, database} <= {old, new}
    assert not (pointer == old and database == new)


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_killed_at_every_step(fresh):
    """There and back between two versions, one step later each time, until a promotion gets through."""
    made = start_from(fresh, 1)
    fatal, old, new = 1, 1, 2
    while True:

        def work(fatal: int = fatal, new: int = new) -> None:
            killed = fresh()
            Steps(fatal).watch(killed)
            promote(killed, new)

        if not ended(in_child(work)):
            break
        assert_old_or_new(shown(made), old, new)
        moves = len(in_production(made.store, "flights"))
        promote(fresh(), new)
        assert shown(made) == (new,) * 3
        assert len(in_production(made.store, "flights")) <= moves + 1
        assert audit.last(made.store, "flights", "promoted").number == new
        fatal, old, new = fatal + 1, new, old
    assert fatal > 30
    assert shown(made) == (new,) * 3


def test_killed_at_random(fresh):
    clock = random.Random()
    made = start_from(fresh, 1)
    began = time.monotonic()
    promote(fresh(), 2)
    whole = time.monotonic() - began
    old, new = 2, 1
    killed = 0
    for _ in range(RANDOM):
        child = in_child(lambda new=new: promote(fresh(), new))
        time.sleep(clock.uniform(0.0, whole))
        os.kill(child, signal.SIGKILL)
        killed += ended(child) == signal.SIGKILL
        assert_old_or_new(shown(made), old, new)
        promote(fresh(), new)
        assert shown(made) == (new,) * 3
        old, new = new, old
    assert killed


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_killed_and_never_repeated_another_promotion_brings_all_together(fresh):
    made = start_from(fresh, 1)

    def work() -> None:
        killed = fresh()
        steps = Steps()
        steps.watch(killed)
        killed.client.wait_current = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        promote(killed, 2)

    assert ended(in_child(work)) == signal.SIGKILL
    assert shown(made)[0] == 2
    promote(fresh(), 1)
    assert shown(made) == (1, 1, 1)
