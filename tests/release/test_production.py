from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from posterity.errors import CorruptError, RefusedError, UnavailableError
from posterity.registry import aliases, audit, retirement
from posterity.release import production
from posterity.release.client import Client
from posterity.release.database import Database
from posterity.release.process import serving
from posterity.release.production import Grounds, Production, earlier, in_production, roll_back, settle
from posterity.settings import Settings
from posterity.store.directory import DirectoryStore
from tests.release.conftest import free_port
from tests.release.products import nth, predictions, register

APPROVED = Grounds("approval", "ada@lab", "looks right")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Client]:
    """One server for the whole module; each test has a store of its own in the place that the server reads."""
    store = DirectoryStore(folder / "store")
    nth(store, 1)
    with serving(Settings(store=store.url), "flights@champion") as client:
        yield client


@pytest.fixture
def made(running: Client, folder: Path, tmp_path: Path) -> Production:
    """Production with flights/1 as its champion, and one more version registered."""
    store = DirectoryStore(folder / "store")
    database = Database(f"sqlite:///{tmp_path}/products.db")
    found = Production(store, running, database)
    found.promote(champion(store), APPROVED)
    return found


def champion(store: DirectoryStore):
    from posterity.registry import versions

    return versions.get(store, "flights/1")


def shown(made: Production) -> tuple[int | None, int | None, int | None]:
    """The version that pointer, server and database show."""
    assert made.database
    pointer = aliases.current(made.store, "flights", "champion")
    return pointer, made.client.current("flights"), made.database.current("flights")


def another(made: Production):
    return register(made.store, predictions(seed=len(list(made.store.list("models/flights/versions/"))) + 1))


def test_everybody_reads_the_new_version_and_the_log_says_why(made):
    version = another(made)
    move = made.promote(version, APPROVED)
    assert shown(made) == (version.number,) * 3
    assert (move.who, move.why, move.how) == ("ada@lab", "looks right", "approval")
    done = audit.last(made.store, "flights", "promoted")
    assert (done.number, done.facts) == (version.number, {"move": move.id, "how": "approval"})


def test_a_repetition_is_the_same_move(made):
    version = another(made)
    first = made.promote(version, APPROVED)
    before = len(list(made.store.list(audit.folder("flights"))))
    assert made.promote(version, Grounds("refresh", "", "again")) == first
    assert len(list(made.store.list(audit.folder("flights")))) == before


def test_a_refresh_is_the_move_of_whoever_runs_the_pipeline(made):
    from posterity.registry.identity import who

    assert made.promote(another(made), Grounds("refresh", "", "new data")).who == who()


def test_what_is_not_served_well_stays_out(made):
    version = another(made)
    key = version.references["product"].key.replace("product.json", "predictions.parquet")
    intact = made.store.get(key)
    made.store.overwrite(key, intact[:-9])
    with pytest.raises(CorruptError, match="does not match its SHA-256"):
        made.promote(version, APPROVED)
    with pytest.raises(RefusedError, match=f"flights/{version.number} is not served well in production, and stays out"):
        replace(made, database=None).promote(version, APPROVED)
    assert shown(made) == (1, 1, 1)
    made.store.overwrite(key, intact)
    made.promote(version, APPROVED)
    assert shown(made) == (version.number,) * 3


def test_where_the_server_does_not_follow_everything_goes_back(made, monkeypatch):
    version = another(made)
    monkeypatch.setattr(production, "FOLLOW", 0.0)
    monkeypatch.setattr(Client, "current", lambda self, model: 1)
    with pytest.raises(UnavailableError, match="still gives flights/1"):
        made.promote(version, APPROVED)
    monkeypatch.undo()
    made.client.wait_current("flights", 1, 30)
    assert shown(made) == (1, 1, 1)
    back = in_production(made.store, "flights")[-1]
    assert (back.number, back.before, back.how) == (1, version.number, "rollback")
    assert f"since flights/{version.number} could not be put into production" in back.why


def test_where_the_database_is_away_everything_goes_back(made, monkeypatch, tmp_path):
    version = another(made)
    whole = Database.switch

    def away(self, model, number):
        if number == version.number:
            raise UnavailableError("the database is away")
        whole(self, model, number)

    monkeypatch.setattr(Database, "switch", away)
    with pytest.raises(UnavailableError, match="database is away"):
        made.promote(version, APPROVED)
    made.client.wait_current("flights", 1, 30)
    assert shown(made) == (1, 1, 1)


def test_a_version_in_production_is_not_taken_back_because_a_repetition_fails(made):
    absent = Production(made.store, Client(f"http://127.0.0.1:{free_port()}"), made.database)
    with pytest.raises(UnavailableError):
        absent.promote(champion(made.store), APPROVED)
    assert shown(made) == (1, 1, 1)


def test_a_first_version_has_nothing_to_go_back_to_and_says_so(tmp_path):
    store = DirectoryStore(tmp_path / "first")
    version = nth(store, 1)
    with serving(Settings(store=store.url), "flights@candidate") as client:  # which never follows the champion
        production.FOLLOW, before = 0.5, production.FOLLOW
        try:
            with pytest.raises(UnavailableError, match="is the first version of its model"):
                Production(store, client, None).promote(version, APPROVED)
        finally:
            production.FOLLOW = before
    assert audit.entries(store, "flights", "promoted") == []


def test_a_database_that_was_emptied_is_filled_again(made, tmp_path):
    fresh = replace(made, database=Database(f"sqlite:///{tmp_path}/fresh.db"))
    fresh.promote(champion(made.store), APPROVED)
    assert shown(fresh) == (1, 1, 1)


def test_rolling_back_the_product_moves_everything_to_an_earlier_table(made):
    version = another(made)
    made.promote(version, APPROVED)
    move = roll_back(made.store, champion(made.store), "wrong in Newark")
    assert (move.number, move.before, move.how, move.why) == (1, version.number, "rollback", "wrong in Newark")
    made.client.wait_current("flights", 1, 10)
    assert settle(made.store, made.database, "flights") == 1
    assert shown(made) == (1, 1, 1)
    with pytest.raises(RefusedError, match="was never in production"):
        roll_back(made.store, another(made), "further")


def moved(store: DirectoryStore, *numbers: int) -> None:
    for number in numbers:
        aliases.move(store, "flights", "champion", number, "ada@lab", "test")


@pytest.mark.parametrize(
    ("moves", "expected"),
    [((1, 2, 3), 2), ((1, 2, 3, 2), 1), ((1, 2, 3, 2, 4), 2), ((1, 3, 1, 2), 1), ((3, 2, 1), 2)],
)
def test_the_earlier_version_is_the_one_before_and_not_one_that_was_left(tmp_path, moves, expected):
    store = DirectoryStore(tmp_path / "store")
    for number in range(1, 5):
        nth(store, number)
    moved(store, *moves)
    assert earlier(store, "flights").number == expected


def test_there_may_be_no_earlier_version_or_only_withdrawn_ones(tmp_path):
    store = DirectoryStore(tmp_path / "store")
    for number in (1, 2):
        nth(store, number)
    moved(store, 1)
    with pytest.raises(RefusedError, match="no version of flights was in production before"):
        earlier(store, "flights")
    moved(store, 2)
    retirement.retire(store, "flights", 1, "ada@lab", "wrong")
    with pytest.raises(RefusedError, match="no version of flights was in production before"):
        earlier(store, "flights")
