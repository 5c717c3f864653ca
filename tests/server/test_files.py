"""Files that are kept, and the places of rows in them."""

from pathlib import Path

import pandas as pd
import pytest

from posterity.data.tables import to_parquet
from posterity.errors import CorruptError, NotFoundError
from posterity.server.files import Files, place_in
from posterity.store import digest_bytes, open_store

TABLE = pd.DataFrame({"day": pd.to_datetime(["2026-01-01", "2026-01-02"] * 5), "no": range(10), "x": [0.5] * 10})


def test_a_row_is_found_by_the_texts_of_its_key() -> None:
    data = to_parquet(TABLE)
    assert place_in(data, ["day", "no"], ["2026-01-02T00:00:00", "7"]) == 7
    assert place_in(data, ["day", "no"], ["2026-01-01T00:00:00", "7"]) is None
    assert place_in(data, ["no"], ["seven"]) is None


def test_files_are_read_once_and_the_longest_unused_are_forgotten(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}")
    objects = {name: name.encode() * 40 for name in "abc"}
    for name, data in objects.items():
        store.put(name, data)
    files = Files(store, room=100)

    def fetch(name: str) -> bytes:
        return files.fetch(name, digest_bytes(objects[name]))

    assert [fetch(name) for name in "aba"] == [objects[name] for name in "aba"]
    fetch("c")  # b goes
    for name in "abc":
        store.erase(name)
    assert (fetch("a"), fetch("c")) == (objects["a"], objects["c"])
    with pytest.raises(NotFoundError):
        fetch("b")


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}")
    store.put("a", b"changed")
    with pytest.raises(CorruptError):
        Files(store).fetch("a", digest_bytes(b"as it was"))
