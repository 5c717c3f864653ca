from pathlib import Path

import pytest

from posterity.errors import CorruptError, NotFoundError, SettingsError
from posterity.registry import aliases, audit, versions
from posterity.store.directory import DirectoryStore
from tests.registry.examples import a_version


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(tmp_path / "store")
    for salt in "12":
        versions.add(store, a_version(store, salt=salt))
    return store


def test_entries_are_read_in_their_order_and_by_kind(store):
    first = audit.record(store, "flights", "approve", 1, "ada@lab", " looks right ", override=["drift"])
    second = audit.record(store, "flights", "acknowledge", 2, "bob@lab", "summer storms")
    assert audit.entries(store, "flights") == [first, second]
    assert audit.entries(store, "flights", "acknowledge") == [second]
    assert (first.why, first.facts) == ("looks right", {"override": ["drift"]})
    assert audit.entries(store, "delays") == []


def test_moves_and_other_entries_share_one_log_and_do_not_mix(store):
    aliases.move(store, "flights", "champion", 1, "ada@lab", "first")
    audit.record(store, "flights", "approve", 2, "bob@lab", "better")
    aliases.move(store, "flights", "champion", 2, "bob@lab", "better")
    assert [move.number for move in aliases.history(store, "flights")] == [1, 2]
    assert [entry.kind for entry in audit.entries(store, "flights")] == ["approve"]
    assert len(list(audit.move_keys(store, "flights"))) == 2


def test_entries_about_one_version_are_found_without_reading_the_others(store):
    audit.record(store, "flights", "approve", 1, "ada@lab", "fine")
    second = audit.record(store, "flights", "approve", 2, "ada@lab", "fine")
    store.put("models/flights/audit/0-x-approve-1.json", b"damaged")
    assert audit.entries(store, "flights", "approve", number=2) == [second]
    assert audit.entries(store, "flights", "retire") == []


def test_what_has_no_reason_or_no_version_leaves_no_trace(store):
    with pytest.raises(SettingsError, match="approve flights/1 needs a reason"):
        audit.record(store, "flights", "approve", 1, "ada@lab", " ")
    with pytest.raises(NotFoundError, match="no version 7"):
        audit.record(store, "flights", "approve", 7, "ada@lab", "why not")
    assert list(store.list(audit.folder("flights"))) == []


@pytest.mark.parametrize("damage", [b"{", b"[1]", b'{"kind": "approve", "colour": "red"}'])
def test_a_damaged_entry_is_named(store, damage):
    store.put("models/flights/audit/1-x-approve-1.json", damage)
    with pytest.raises(CorruptError, match="audit/1-x-approve-1"):
        audit.entries(store, "flights")
