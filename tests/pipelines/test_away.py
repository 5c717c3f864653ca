"""Runs whose store is away: at the start, for a while in the middle, and from the middle on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from posterity.runs import RunLog
from posterity.store import open_store
from tests.pipelines.conftest import Folder
from tests.pipelines.test_killed import is_running, wait_for
from tests.store.servers import BUCKET, KEYS, free_port, make_bucket, minio

RUN = ("run", "shop.py:Shop", "--as-of", "2026-02-28", "--source", "sales.csv", "--name", "run", "--json")
S3 = {**KEYS, "POSTERITY_STORE": f"s3://{BUCKET}"}


@pytest.mark.parametrize("command", [RUN, ("runs",), ("versions",)], ids=lambda words: words[0])
def test_an_endpoint_that_nobody_listens_at_is_told_at_once(empty: Folder, command: tuple[str, ...]) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    begun = time.monotonic()
    done = empty.command(*command, **S3, AWS_ENDPOINT_URL_S3=endpoint)
    assert done.returncode == 75, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"s3://{BUCKET} cannot be reached" in done.stderr
    assert "check AWS_ENDPOINT_URL" in done.stderr
    assert time.monotonic() - begun < 25, "stages wait for a store for half a minute, people do not"


def test_a_store_that_goes_away_ends_the_run_and_the_same_command_goes_on(folder: Folder, empty: Folder) -> None:
    """The disk of the store is taken out, so to speak: a file is where its folder was."""
    started = empty.start(*RUN)
    wait_for(lambda: is_running(RunLog(empty.store, "run"), "plan") or started.poll() is not None, "plan did not begin")
    store, away = empty.path / "store", empty.path / "away"
    store.rename(away)
    store.write_text("")
    said = started.communicate(timeout=120)
    assert started.returncode == 75, said
    assert said[1].count("\n") == 1, said[1]
    assert "cannot be used (Not a directory); check its path" in said[1]
    store.unlink()
    away.rename(store)
    done = empty.command(*RUN)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert {facts["stages"][name]["status"] for name in ("ingest", "check_data", "preprocess")} == {"reused"}
    assert empty.digests("run") == folder.digests("first")


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    """Where a MinIO server with an empty bucket has been; there is none now."""
    with minio(tmp_path / "minio") as there:
        make_bucket(there)
    return there


@pytest.mark.slow
def test_a_server_that_is_made_again_in_the_middle_goes_unnoticed(
    folder: Folder, empty: Folder, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**S3, "AWS_ENDPOINT_URL_S3": endpoint}.items():
        monkeypatch.setenv(name, value)
    home, port = tmp_path / "minio", int(endpoint.rpartition(":")[2])
    with minio(home, port):
        started = empty.start(*RUN, **S3)
        log = RunLog(open_store(S3["POSTERITY_STORE"]), "run")
        wait_for(lambda: is_running(log, "plan") or started.poll() is not None, "plan did not begin")
    time.sleep(2)
    with minio(home, port):
        said = started.communicate(timeout=120)
        assert started.returncode == 0, said
        assert json.loads(said[0])["version"] == "shop/1"
        assert empty.digests("run", log.store) == folder.digests("first")
