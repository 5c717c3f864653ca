"""What every store has to do; the same for a directory, for moto's S3 server and for a real MinIO."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from posterity.errors import ConflictError, CorruptError, NotFoundError, SettingsError
from posterity.store import ObjectStore, Reference, digest_bytes, open_store
from posterity.store.reference import store_bytes

BINARY = bytes(range(256)) * 40
STRANGE = ("é ü/a b+c&d=e?f#g%20.json", "x", "UPPER/lower.JSON", "a" * 255, "deep/" * 20 + "end", "...", "-", "~")


@pytest.mark.parametrize("data", [b"", b"x", BINARY, bytes(3 << 20)], ids=len)
def test_what_is_put_is_got(store: ObjectStore, tmp_path: Path, data: bytes) -> None:
    assert store.put("a/b", data)
    assert store.get("a/b") == data
    assert store.size("a/b") == len(data)
    store.get_file("a/b", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize("size", [0, 5, 40_000_000])
def test_files_are_streamed(store: ObjectStore, tmp_path: Path, size: int) -> None:
    (tmp_path / "source").write_bytes((BINARY * (size // len(BINARY) + 1))[:size])
    (tmp_path / "copy").write_bytes(b"something older")
    assert store.put_file("a", tmp_path / "source")
    store.get_file("a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "source").read_bytes()
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"source", "copy"}


def test_an_object_is_written_once(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"third")
    assert store.put("a", b"first")
    assert not store.put("a", b"second")
    assert not store.put_file("a", tmp_path / "file")
    assert store.get("a") == b"first"


def test_what_is_not_there(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a/b", b"")
    for key in ("b", "a", "a/b/c", "a/bb"):
        with pytest.raises(NotFoundError, match=f"{store.url}/{key} is not in the store"):
            store.get(key)
        with pytest.raises(NotFoundError, match=key):
            store.get_file(key, tmp_path / "copy")
        assert store.size(key) is None
        assert store.read(key) is None
        store.delete(key)
    assert not (tmp_path / "copy").exists()
    assert list(store.list("a")) == ["a/b"]
    with pytest.raises(NotFoundError, match="nowhere"):
        store.put_file("c", tmp_path / "nowhere")


def test_list_gives_the_keys_that_begin_with_a_prefix_in_order(store: ObjectStore) -> None:
    keys = ["a/1", "a/10", "a/2/x", "a/2-y", "ab", "b/1", "é"]
    for key in reversed(keys):
        store.put(key, b"")
    assert list(store.list("")) == sorted(keys)
    assert list(store.list("a/")) == ["a/1", "a/10", "a/2-y", "a/2/x"]
    assert list(store.list("a/1")) == ["a/1", "a/10"]
    assert list(store.list("a")) == ["a/1", "a/10", "a/2-y", "a/2/x", "ab"]
    assert list(store.list("c/d/")) == []


@pytest.mark.parametrize("key", STRANGE)
def test_strange_names(store: ObjectStore, key: str) -> None:
    assert store.put(key, key.encode())
    assert store.get(key) == key.encode()
    assert list(store.list("")) == [key]
    assert list(store.list(key[:3])) == [key]


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\nb", "a\0b", "a" * 256, "a/" * 600 + "b", ".staging/a"]
)
def test_no_key(store: ObjectStore, key: str) -> None:
    for call in (store.get, store.size, store.read, store.delete, lambda key: store.put(key, b"")):
        with pytest.raises(SettingsError, match="is not a key"):
            call(key)


@pytest.mark.parametrize("prefix", ["/", "../", "a/../", "a//"])
def test_no_prefix(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(SettingsError, match="is not a key"):
        list(store.list(prefix))


def test_deleted_objects_are_gone_and_can_come_again(store: ObjectStore) -> None:
    store.put("a/b", b"1")
    store.delete("a/b")
    assert list(store.list("")) == []
    assert store.put("a/b", b"2")
    assert store.get("a/b") == b"2"


def test_a_pointer_moves_only_from_what_was_read(store: ObjectStore) -> None:
    first = store.replace("p", b"1", None)
    assert store.read("p") == (b"1", first)
    second = store.replace("p", b"2", first)
    assert store.read("p") == (b"2", second)
    for stale in (first, None):
        with pytest.raises(ConflictError, match="/p was changed by somebody else"):
            store.replace("p", b"3", stale)
    assert store.read("p") == (b"2", second)


def test_a_pointer_that_is_gone_does_not_move(store: ObjectStore) -> None:
    tag = store.replace("p", b"1", None)
    store.delete("p")
    with pytest.raises(ConflictError):
        store.replace("p", b"2", tag)
    assert store.read("p") is None


def test_overwrite(store: ObjectStore) -> None:
    for data in (b"1", b"", b"333"):
        store.overwrite("progress", data)
        assert store.get("progress") == data


def test_a_reader_sees_whole_objects_alone(store: ObjectStore) -> None:
    """While an object is overwritten again and again."""
    contents = [bytes([i]) * 300_000 for i in range(4)]
    store.overwrite("progress", contents[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents:
                store.overwrite("progress", content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {store.get("progress") for _ in range(60)}
    finally:
        stop.set()
        writer.join()
    assert seen <= set(contents)


def test_a_reference_verifies_what_it_fetches(store: ObjectStore) -> None:
    reference = store_bytes(store, "blocks/1", BINARY, "block", {"rows": 3})
    assert reference == Reference("blocks/1", digest_bytes(BINARY), "block", {"rows": 3})
    assert reference.fetch(store) == BINARY
    for damaged in (BINARY[:-1], BINARY[:-1] + b"\0", b""):
        store.overwrite("blocks/1", damaged)
        with pytest.raises(CorruptError, match=f"{store.url}/blocks/1 does not match its SHA-256"):
            reference.fetch(store)


BLOCKS = """
import os
from posterity.store import digest_bytes
block = os.urandom(1 << 20) * 20
while True:
    data = os.urandom(16) + block
    store.put(f"blocks/{digest_bytes(data)}", data)
"""
PUT = """
for i in range(40):
    print(json.dumps([f"race/{i}", store.put(f"race/{i}", name.encode())]))
"""
COUNT = """
for i in range(25):
    while True:
        data, tag = store.read("count") or (b"0", None)
        try:
            store.replace("count", str(int(data) + 1).encode(), tag)
            break
        except ConflictError:
            pass
"""


PRELUDE = """
import json, pathlib, sys, time
from posterity.errors import ConflictError
from posterity.store import open_store
store = open_store(sys.argv[1])
"""


def test_of_a_writer_killed_at_any_moment_whole_objects_are_left(url: str) -> None:
    store = open_store(url)
    for pause in (0.0, 0.011, 0.023):
        before = len(list(store.list("")))
        writer = subprocess.Popen([sys.executable, "-c", PRELUDE + BLOCKS, url])
        try:
            while len(list(store.list(""))) == before:
                assert writer.poll() is None
            time.sleep(pause)
        finally:
            writer.kill()
            writer.wait()
    for key in store.list(""):
        assert digest_bytes(store.get(key)) == key.removeprefix("blocks/")


def race(url: str, tmp_path: Path, code: str, names: Sequence[str] = ("one", "two", "three")) -> dict[str, list[str]]:
    """Run `code` in several processes, started together; returns the lines that each has printed."""
    prelude = PRELUDE + "name = sys.argv[2]\npathlib.Path(sys.argv[3], name).touch()\n"
    prelude += "while len(list(pathlib.Path(sys.argv[3]).iterdir())) < int(sys.argv[4]): time.sleep(.001)\n"
    (tmp_path / "ready").mkdir()
    command = [sys.executable, "-c", prelude + code, url]
    rest = [str(tmp_path / "ready"), str(len(names))]
    racers = {name: subprocess.Popen([*command, name, *rest], stdout=subprocess.PIPE, text=True) for name in names}
    printed = {name: racer.communicate(timeout=120)[0].splitlines() for name, racer in racers.items()}
    assert {racer.returncode for racer in racers.values()} == {0}
    return printed


@pytest.mark.parametrize("kind", ["directory", "minio"], indirect=True)  # moto looks, then writes, without a lock
def test_of_racing_processes_exactly_one_wins(url: str, tmp_path: Path) -> None:
    printed = race(url, tmp_path, PUT)
    won = [(key, name) for name, lines in printed.items() for key, new in map(json.loads, lines) if new]
    assert len(won) == 40
    store = open_store(url)
    assert {key: store.get(key).decode() for key in store.list("race/")} == dict(won)


@pytest.mark.parametrize("kind", ["directory", "minio"], indirect=True)
def test_no_move_of_a_pointer_is_lost(url: str, tmp_path: Path) -> None:
    race(url, tmp_path, COUNT)
    assert open_store(url).get("count") == b"75"


def test_what_is_erased_is_gone_and_its_neighbours_are_not(store: ObjectStore) -> None:
    for key in ("a/b", "a/bc", "ab"):
        store.put(key, key.encode())
    store.overwrite("a/b", b"again")
    store.erase("a/b")
    store.erase("nowhere")
    assert store.size("a/b") is None
    assert list(store.list("a")) == ["a/bc", "ab"]
    assert store.put("a/b", b"new")
