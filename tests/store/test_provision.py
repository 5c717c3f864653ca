"""The store as `manifests/minio` declares it, on a real MinIO: who may do what, and what can be lost."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest
import urllib3
from minio import Minio
from minio.commonconfig import GOVERNANCE
from minio.error import S3Error
from minio.retention import Retention

from posterity.errors import SettingsError, UnavailableError
from posterity.store import provision
from posterity.store.s3 import S3Store

from .provisioned import USERS, Provisioned, provisioned
from .servers import free_port

KEYS_OF_ALL_KINDS = (
    "snapshots/d/raw.parquet",
    "features/d/table.parquet",
    "plans/d/chains/0/0",
    "products/flights/d/product.json",
    "posteriors/d/draws.nc",
    "models/flights/aliases/champion.json",
    "targets/d/table.parquet",
    "scores/d.json",
    "drift/d.json",
    "code/d.zip",
    "clean/d/table.parquet",
    "reports/d.html",
    "runs/r/run.json",
    "actuals/d/rows.parquet",
    "feedback/d.json",
    "scoring/in/keys.parquet",
    "scoring/out/scores.parquet",
)
SERVED = ("products/", "posteriors/", "models/", "targets/", "features/", "scores/", "drift/", "code/")
SCORES = ("products/", "posteriors/", "models/", "targets/", "code/", "scoring/")
SAID = ("actuals/", "feedback/")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provisioned]:
    """A server with an object of each kind in it."""
    with provisioned(tmp_path_factory.mktemp("provision")) as found:
        for key in KEYS_OF_ALL_KINDS:
            found.root.put_object("posterity", key, BytesIO(b"1"), 1)
        yield found


def read(client: Minio, bucket: str, key: str) -> bool:
    """Whether an object may be read."""
    try:
        client.get_object(bucket, key).close()
    except S3Error as error:
        return {"AccessDenied": False, "NoSuchKey": True}[str(error.code)]
    return True


def write(client: Minio, bucket: str, key: str) -> bool:
    """Whether an object may be written."""
    try:
        client.put_object(bucket, key, BytesIO(b"2"), 1)
    except S3Error as error:
        return {"AccessDenied": False}[str(error.code)]
    return True


def test_it_says_what_is_there_and_may_be_repeated(server: Provisioned, capsys: pytest.CaptureFixture[str]) -> None:
    provision.main([str(server.folder), str(server.users)])
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3 + len(USERS)
    assert "bucket posterity: versioned, no version deleted within 30 days" in said
    assert "user posterity-production: policy server" in said
    assert read(server.client("posterity-stages"), "posterity", "runs/r/run.json")


@pytest.mark.parametrize("key", KEYS_OF_ALL_KINDS)
def test_stages_read_and_write_everything_of_ours(server: Provisioned, key: str) -> None:
    client = server.client("posterity-stages")
    assert read(client, "posterity", key)
    assert write(client, "posterity", key)


@pytest.mark.parametrize("user", ["posterity-staging", "posterity-production"])
@pytest.mark.parametrize("key", KEYS_OF_ALL_KINDS)
def test_servers_read_what_they_serve_and_write_what_users_say(server: Provisioned, user: str, key: str) -> None:
    client = server.client(user)
    assert read(client, "posterity", key) == key.startswith(SERVED + SAID)
    assert write(client, "posterity", key) == key.startswith(SAID)


@pytest.mark.parametrize("key", KEYS_OF_ALL_KINDS)
def test_who_scores_reads_what_that_takes_and_writes_scores(server: Provisioned, key: str) -> None:
    client = server.client("posterity-scoring")
    assert read(client, "posterity", key) == key.startswith(SCORES)
    assert write(client, "posterity", key) == key.startswith("scoring/out/")


@pytest.mark.parametrize("user", sorted(set(USERS) - {"posterity-operator"}))
def test_each_user_has_its_own_bucket_and_no_other(server: Provisioned, user: str) -> None:
    own = {"posterity-registry": "posterity-registry", "kubeflow-pipelines": "mlpipeline"}.get(user, "posterity")
    client = server.client(user)
    for bucket in {"posterity", "posterity-registry", "mlpipeline"} - {own}:
        assert not read(client, bucket, "products/x")
        assert not write(client, bucket, "products/x")
        with pytest.raises(S3Error, match="Access Denied"):
            list(client.list_objects(bucket))
    list(client.list_objects(own))
    with pytest.raises(S3Error, match="Access Denied"):
        client.make_bucket("another")


def test_the_operator_reads_the_logs_of_pods_and_changes_none(server: Provisioned) -> None:
    client = server.client("posterity-operator")
    assert read(client, "mlpipeline", "private-artifacts/kubeflow/run/main.log")
    assert not write(client, "mlpipeline", "private-artifacts/kubeflow/run/main.log")
    assert not read(client, "posterity-registry", "1/artifacts/version.json")


@pytest.mark.parametrize("user", sorted(set(USERS) - {"posterity-operator"}))
def test_nobody_but_the_operator_can_delete_what_is_retained(server: Provisioned, user: str) -> None:
    item = server.root.stat_object("posterity", "snapshots/d/raw.parquet")
    left = server.root.get_object_retention("posterity", item.object_name, item.version_id)
    assert left
    assert left.mode == GOVERNANCE
    assert timedelta(days=29) < left.retain_until_date - datetime.now(UTC) <= timedelta(days=30)
    client, sooner = server.client(user), Retention(GOVERNANCE, datetime.now(UTC) + timedelta(hours=1))
    for version in (None, item.version_id):
        with pytest.raises(S3Error, match="Access Denied"):
            client.remove_object("posterity", item.object_name, version)
    with pytest.raises(S3Error, match=r"Access Denied|WORM protected"):
        client.set_object_retention("posterity", item.object_name, sooner, item.version_id)
    assert server.root.stat_object("posterity", item.object_name, version_id=item.version_id)


def test_the_operator_erases_for_good(server: Provisioned, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "snapshots/personal/raw.parquet"
    for content in (b"1", b"2"):
        server.root.put_object("posterity", key, BytesIO(content), 1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "posterity-operator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-posterity-operator")
    S3Store.from_environment("posterity").erase(key)
    assert not list(server.root.list_objects("posterity", key, include_version=True))


def test_an_overwritten_or_deleted_object_can_be_had_back(server: Provisioned) -> None:
    client, key = server.client("posterity-stages"), "runs/back/stages/plan.json"
    first = client.put_object("posterity", key, BytesIO(b"1"), 1).version_id
    client.put_object("posterity", key, BytesIO(b"2"), 1)
    client.remove_object("posterity", key)
    assert server.root.get_object("posterity", key, version_id=first).read() == b"1"
    rules = server.root.get_bucket_lifecycle("posterity")
    assert rules
    expiry = rules.rules[0].noncurrent_version_expiration
    assert expiry
    assert expiry.noncurrent_days == 31


def test_a_full_bucket_is_named_as_such(server: Provisioned, tmp_path: Path) -> None:
    plan = provision.Plan({"small": provision.Bucket(quota=1000)}, {}, {}, {})
    store = S3Store.from_environment("small")
    assert list(provision.provision(store.client, provision.administrator(store), plan)) == [
        "bucket small: no versions, at most 1,000 bytes"
    ]
    store.put("fits", b"1")
    with pytest.raises(UnavailableError, match=r"s3://small is full .*quota"):
        store.put("does not", b"1" * 1000)


def test_new_sources_are_told_to_a_webhook_even_if_it_was_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port, queue = free_port(), tmp_path / "data/.events"
    settings = {"ENABLE": "on", "ENDPOINT": f"http://127.0.0.1:{port}/events", "QUEUE_DIR": str(queue)}
    named = {f"MINIO_NOTIFY_WEBHOOK_{name}_SOURCES": value for name, value in settings.items()}
    with provisioned(tmp_path, named) as found:
        said = ""
        while "new sources/* told to SOURCES" not in said:  # known some moments after it is ready
            provision.main([str(found.folder), str(found.users)])
            said = capsys.readouterr().out
        for key in ("runs/r/run.json", "sources/2013.csv"):
            found.client("posterity-operator").put_object("posterity", key, BytesIO(b"1"), 1)
        with told(port) as events:
            event = events.get(timeout=60)
        assert (event["EventName"], event["Key"]) == ("s3:ObjectCreated:Put", "posterity/sources/2013.csv")
        assert events.empty()


def test_nothing_is_told_where_the_server_knows_no_webhook(server: Provisioned) -> None:
    declared = provision.read_plan(server.folder, server.users).buckets["posterity"]
    assert declared.events == (provision.Event("SOURCES", "sources/"),)
    assert not server.root.get_bucket_notification("posterity").queue_config_list


@contextmanager
def told(port: int) -> Iterator[Queue[dict[str, Any]]]:
    """What a webhook at `port` is told."""
    events: Queue[dict[str, Any]] = Queue()

    class Webhook(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            events.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.do_HEAD()

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Webhook)
    Thread(target=server.serve_forever).start()
    try:
        yield events
    finally:
        server.shutdown()
        server.server_close()


def test_a_bucket_without_versions_cannot_be_locked_later(server: Provisioned) -> None:
    store = S3Store.from_environment("early", retry=urllib3.Retry(0))
    store.client.make_bucket("early")
    plan = provision.Plan({"early": provision.Bucket(retention_days=1)}, {}, {}, {})
    with pytest.raises(SettingsError, match="bucket early"):
        list(provision.provision(store.client, provision.administrator(store), plan))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder, users: (folder / "stages.json").unlink(), "stages.json cannot be read"),
        (lambda folder, users: (folder / "stages.json").write_text("{"), "stages.json is not JSON"),
        (lambda folder, users: (users / "posterity-registry").unlink(), "posterity-registry cannot be read"),
        (lambda folder, users: (folder / "store.json").write_text('{"buckets": {}}'), "does not declare .*users"),
        (
            lambda folder, users: (folder / "store.json").write_text('{"buckets": {"a": {"days": 1}}, "users": {}}'),
            "does not declare .*days",
        ),
    ],
)
def test_what_is_wrong_with_a_plan_is_named(server: Provisioned, tmp_path: Path, break_it, message: str) -> None:
    folder, users = tmp_path / "plan", tmp_path / "users"
    shutil.copytree(server.folder, folder)
    shutil.copytree(server.users, users)
    break_it(folder, users)
    with pytest.raises(SettingsError, match=message):
        provision.read_plan(folder, users)


def test_a_wrong_key_ends_with_one_line(
    server: Provisioned, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(SystemExit) as stopped:
        provision.main([str(server.folder), str(server.users)])
    assert stopped.value.code == 3
    assert "SettingsError: the store refuses to set up buckets and users" in capsys.readouterr().err


def test_a_store_that_is_away_may_be_tried_again(server: Provisioned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_port()}")
    store = S3Store.from_environment("posterity", retry=urllib3.Retry(0))
    plan = provision.read_plan(server.folder, server.users)
    with pytest.raises(UnavailableError, match=r"cannot be reached to set up buckets and users .*run this again"):
        list(provision.provision(store.client, provision.administrator(store), plan))
