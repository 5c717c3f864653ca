import pytest

from posterity.errors import CorruptError, NotFoundError, RefusedError, SettingsError
from posterity.registry import aliases, audit, retirement, versions
from posterity.store.directory import DirectoryStore
from tests.registry.examples import a_version


@pytest.fixture
def store(tmp_path):
    made = DirectoryStore(tmp_path)
    versions.add(made, a_version(made))
    versions.add(made, a_version(made, salt="2"))
    return made


def test_a_withdrawal_is_written_down_once(store):
    entry = retirement.retire(store, "flights", 1, "ada@lab", " wrong units ")
    assert (entry.number, entry.who, entry.why) == (1, "ada@lab", "wrong units")
    assert retirement.retire(store, "flights", 1, "bob@lab", "again") == entry
    assert retirement.retired(store, "flights") == {1: entry}
    assert audit.entries(store, "flights", retirement.KIND) == [entry]


def test_no_alias_can_be_moved_to_what_was_withdrawn(store):
    aliases.move(store, "flights", "champion", 1, "ada@lab", "first")
    retirement.retire(store, "flights", 1, "ada@lab", "wrong units")
    assert aliases.current(store, "flights", "champion") == 1, "what points at it goes on pointing, and is answered so"
    with pytest.raises(RefusedError, match="flights/1 was withdrawn, so staging cannot point at it"):
        aliases.move(store, "flights", "staging", 1, "ada@lab", "again")
    aliases.move(store, "flights", "champion", 2, "ada@lab", "the next")


def test_what_cannot_be_withdrawn_is_said(store):
    with pytest.raises(SettingsError, match="needs a reason"):
        retirement.retire(store, "flights", 1, "ada@lab", " ")
    with pytest.raises(NotFoundError, match="no version 9"):
        retirement.retire(store, "flights", 9, "ada@lab", "wrong")
    assert retirement.retired(store, "flights") == {}


def test_a_damaged_marker_is_named(store):
    store.put(retirement.retired_key("flights", 1), b"{}")
    with pytest.raises(CorruptError, match=r"retired/000001\.json does not say who"):
        retirement.retired(store, "flights")
