"""When the pipeline of a model last succeeded."""

from pathlib import Path

import pytest

from posterity.registry.success import Success, last, note
from posterity.store import ObjectStore, open_store

EARLY = Success("first", "shop/1", "2026-03-01T06:00:00.000+00:00")
LATE = Success("second", "shop/2", "2026-03-01T08:00:00.000+01:00")


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path}/store")


def test_the_latest_success_counts_in_whatever_order_they_are_noted(store: ObjectStore) -> None:
    assert last(store, "shop") is None
    for success in (EARLY, LATE, EARLY):
        note(store, success)
    assert last(store, "shop") == LATE
    assert LATE.time - EARLY.time == 3600
    assert last(store, "other") is None


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'{"run": "first"}'])
def test_what_cannot_be_read_says_nothing_and_is_written_anew(store: ObjectStore, data: bytes) -> None:
    store.overwrite("models/shop/succeeded.json", data)
    assert last(store, "shop") is None
    note(store, EARLY)
    assert last(store, "shop") == EARLY
