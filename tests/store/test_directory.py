"""What can happen to a directory beside what every store has to stand."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from posterity.errors import SettingsError, UnavailableError
from posterity.store.digest import digest_bytes, digest_file
from posterity.store.directory import STALE, DirectoryStore

WRITER = """
import hashlib, os, sys
from posterity.store import digest_bytes, open_store
store, block = open_store(sys.argv[1]), os.urandom(1 << 20)
while True:
    data = os.urandom(16) + block * 20
    store.put(f"blocks/{digest_bytes(data)}", data)
    store.overwrite("progress/" + digest_bytes(block), block)
"""


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


def staged(store: DirectoryStore) -> list[Path]:
    return [path for path in (store.root / ".staging").iterdir() if path.name != "lock"]


@pytest.mark.parametrize("objects", [0, 3])
def test_kill_in_the_middle_of_a_put_leaves_nothing_half_written(store: DirectoryStore, objects: int) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, store.url])
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if len(list(store.list("blocks/"))) >= objects and staged_bytes(store):
                break
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    for key in store.list(""):
        assert digest_bytes(store.get(key)) == key.split("/")[1]
    assert len(staged(store)) <= 1
    for path in staged(store):
        os.utime(path, (0, 0))
    DirectoryStore(store.root).put("next", b"")
    assert staged(store) == []


def staged_bytes(store: DirectoryStore) -> int:
    try:
        return sum(path.stat().st_size for path in staged(store))
    except FileNotFoundError:
        return 0


def test_files_of_living_and_of_recent_writers_stay(store: DirectoryStore) -> None:
    store.put("a", b"")
    living, recent, dead = (store.root / ".staging" / name for name in ("living", "recent", "dead"))
    for path in (living, recent, dead):
        path.touch()
    for path in (living, dead):
        os.utime(path, (time.time() - STALE - 1,) * 2)
    with living.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        DirectoryStore(store.root).put("b", b"")
    assert sorted(staged(store)) == [living, recent]


def test_a_full_disk_is_unavailable(store: DirectoryStore) -> None:
    """A limit on the size of files stands for it: the write stops in the middle in the same way."""
    code = (
        "import resource, sys; from posterity.store import open_store; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
        "open_store(sys.argv[1]).put('a', bytes(200_000))"
    )
    done = subprocess.run([sys.executable, "-c", code, store.url], capture_output=True, text=True)
    assert "UnavailableError: " + store.url + " cannot be used (File too large)" in done.stderr
    assert list(store.list("")) == []
    assert staged(store) == []


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder for a user whom permissions bind, who is the user for as long as the test lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)


def test_a_folder_that_may_not_be_written(unprivileged: Path) -> None:
    store = DirectoryStore(unprivileged / "store")
    store.put("a/b", b"1")
    store.replace("p", b"1", None)
    for folder in (store.root / "a", store.root / ".staging", store.root):
        folder.chmod(0o555)
    (store.root / ".staging" / "lock").chmod(0o444)
    again = DirectoryStore(store.root)
    calls = (
        lambda: again.put("c", b""),
        lambda: again.overwrite("a/b", b""),
        lambda: again.replace("p", b"2", again.read("p")[1]),  # type: ignore[index]
        lambda: again.delete("a/b"),
    )
    for call in calls:
        with pytest.raises(UnavailableError, match=f"{store.url} cannot be used .Permission denied.; check"):
            call()
    assert (again.get("a/b"), again.get("p")) == (b"1", b"1")
    assert list(again.list("")) == ["a/b", "p"]


def test_a_folder_that_may_not_be_read(unprivileged: Path) -> None:
    store = DirectoryStore(unprivileged / "store")
    store.put("a/b", b"1")
    (store.root / "a").chmod(0)
    for call in (store.get, store.size, lambda key: list(store.list(key[:2]))):
        with pytest.raises(UnavailableError, match="Permission denied"):
            call("a/b")
    (store.root / "a").chmod(0o755)


def test_a_copy_that_cannot_be_written_names_its_path(store: DirectoryStore, tmp_path: Path) -> None:
    store.put("a", b"1")
    with pytest.raises(UnavailableError, match=f"{tmp_path}/nowhere/copy cannot be written"):
        store.get_file("a", tmp_path / "nowhere" / "copy")


def test_a_folder_that_has_become_a_file_has_not_lost_its_objects(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = DirectoryStore(tmp_path / "file")
    calls: list[Callable[[], object]] = [
        lambda: list(store.list("")),
        lambda: store.get("a"),
        lambda: store.size("a"),
        lambda: store.read("a"),
        lambda: store.put("a", b""),
        lambda: store.delete("a"),
    ]
    for call in calls:
        with pytest.raises(UnavailableError, match=r"cannot be used \(Not a directory\); check its path"):
            call()


def test_a_key_is_an_object_or_a_folder(store: DirectoryStore) -> None:
    store.put("a/b", b"1")
    store.put("c", b"1")
    for key in ("a", "c/d"):
        with pytest.raises(SettingsError, match=f"{key} cannot be an object and a folder"):
            store.put(key, b"")
        with pytest.raises(SettingsError, match=key):
            store.overwrite(key, b"")
    assert list(store.list("")) == ["a/b", "c"]


def test_reading_an_empty_place_makes_nothing(store: DirectoryStore) -> None:
    assert list(store.list("")) == []
    assert store.read("a") is None
    assert not store.root.exists()


def test_many_threads_put_at_once(store: DirectoryStore) -> None:
    won: list[tuple[str, int]] = []

    def write(number: int) -> None:
        won.extend((f"{i}/x", number) for i in range(30) if store.put(f"{i}/x", b"%d" % number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key: int(store.get(key)) for key in store.list("")} == dict(won)
    assert len(won) == 30
    assert staged(store) == []


def test_files_get_the_rights_that_the_user_s_mask_allows(store: DirectoryStore) -> None:
    before = os.umask(0o027)
    try:
        store.put("a", b"")
    finally:
        os.umask(before)
    assert (store.root / "a").stat().st_mode & 0o777 == 0o640


def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_file(tmp_path / "file") == digest_bytes(b"abc") == known
