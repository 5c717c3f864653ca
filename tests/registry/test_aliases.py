import subprocess
import sys
import threading
from pathlib import Path

import pytest

from posterity.errors import ConflictError, CorruptError, NotFoundError, SettingsError
from posterity.registry import aliases, versions
from posterity.store.directory import DirectoryStore
from tests.registry.examples import a_version

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(tmp_path / "store")
    for salt in "123":
        versions.add(store, a_version(store, salt=salt))
    return store


def audit(store: DirectoryStore) -> list[str]:
    return list(store.list("models/flights/audit/"))


def test_a_pointer_moves_and_leaves_who_when_and_why(store):
    aliases.move(store, "flights", "champion", 1, "ada@lab", "first")
    aliases.move(store, "flights", "champion", 2, "bob@lab", " better CRPS ")
    aliases.move(store, "flights", "baseline", 1, "ada@lab", "verified")
    assert aliases.current(store, "flights", "champion") == 2
    told = [(move.alias, move.before, move.number, move.who, move.why) for move in aliases.history(store, "flights")]
    assert told == [
        ("champion", None, 1, "ada@lab", "first"),
        ("champion", 1, 2, "bob@lab", "better CRPS"),
        ("baseline", None, 1, "ada@lab", "verified"),
    ]
    assert aliases.pointed(store, "flights", "champion").when > "2020"
    assert aliases.current(store, "flights", "staging") is None
    assert aliases.current(store, "delays", "champion") is None


def test_moving_there_and_back_is_three_moves(store):
    for number in (1, 2, 1):
        aliases.move(store, "flights", "champion", number, "ada@lab", "try")
    assert [move.number for move in aliases.history(store, "flights")] == [1, 2, 1]


def test_a_repetition_moves_nothing_and_writes_nothing(store):
    first = aliases.move(store, "flights", "champion", 1, "ada@lab", "first")
    assert aliases.move(store, "flights", "champion", 1, "bob@lab", "again") == first
    assert len(audit(store)) == 1


@pytest.mark.parametrize(
    ("alias", "number", "why", "error", "words"),
    [
        ("winner", 1, "why not", SettingsError, "'winner' is not an alias"),
        ("champion", 1, "  ", SettingsError, "needs a reason"),
        ("champion", 7, "why not", NotFoundError, "no version 7"),
    ],
)
def test_what_cannot_be_moved_leaves_no_trace(store, alias, number, why, error, words):
    with pytest.raises(error, match=words):
        aliases.move(store, "flights", alias, number, "ada@lab", why)
    assert audit(store) == []
    assert aliases.current(store, "flights", "champion") is None


def test_killed_between_record_and_pointer_the_repetition_completes_the_move(store):
    aliases.move(store, "flights", "champion", 1, "ada@lab", "first")
    code = (
        "import sys; from pathlib import Path; from tests.registry.examples import DyingStore;"
        "from posterity.registry import aliases;"
        "aliases.move(DyingStore(Path(sys.argv[1])), 'flights', 'champion', 2, 'bob@lab', 'better')"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(store.root)], cwd=ROOT, check=False)
    assert killed.returncode == 9
    assert aliases.current(store, "flights", "champion") == 1
    assert len(audit(store)) == 2, "the intent was written before the pointer was to move"
    assert [move.number for move in aliases.history(store, "flights")] == [1], "what did not happen is no history"
    aliases.move(store, "flights", "champion", 2, "bob@lab", "better")
    assert aliases.current(store, "flights", "champion") == 2
    assert [move.number for move in aliases.history(store, "flights")] == [1, 2]


def test_of_writers_at_the_same_time_each_moves_or_is_told(store):
    start = threading.Barrier(3)
    moved, told = [], []

    def promote(number):
        start.wait()
        try:
            moved.append(aliases.move(store, "flights", "champion", number, f"user{number}@lab", "mine").number)
        except ConflictError:
            told.append(number)

    threads = [threading.Thread(target=promote, args=[number]) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(moved + told) == [1, 2, 3]
    assert moved
    history = aliases.history(store, "flights")
    assert sorted(move.number for move in history) == sorted(moved), "whoever was told is not in the history"
    assert aliases.current(store, "flights", "champion") in moved


def test_a_damaged_pointer_or_record_is_named(store):
    aliases.move(store, "flights", "champion", 1, "ada@lab", "first")
    store.overwrite(audit(store)[0], b'{"id": "a')
    with pytest.raises(CorruptError, match="models/flights/audit/"):
        aliases.history(store, "flights")
    store.overwrite("models/flights/aliases/champion.json", b"{}")
    with pytest.raises(CorruptError, match=r"aliases/champion\.json"):
        aliases.current(store, "flights", "champion")
