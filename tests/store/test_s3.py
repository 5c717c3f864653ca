"""What can happen between us and an S3 server."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import urllib3
from minio.commonconfig import GOVERNANCE
from minio.objectlockconfig import DAYS, ObjectLockConfig

from posterity.errors import ConflictError, NotFoundError, SettingsError, UnavailableError
from posterity.store import open_store
from posterity.store.s3 import PIECE, RETRY, S3Store

from .servers import BUCKET, KEYS, free_port, make_bucket, minio

QUICK = RETRY.new(total=3, backoff_factor=0.01, backoff_jitter=0.0)
Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Callable[..., S3Store]:
    """Opens the bucket at an endpoint."""

    def connect(endpoint: str, retry: urllib3.Retry = QUICK, bucket: str = BUCKET) -> S3Store:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL_S3": endpoint}.items():
            monkeypatch.setenv(name, value)
        return S3Store.from_environment(bucket, retry=retry)

    return connect


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """The connection breaks after the request was read, before it is answered."""
    handler.close_connection = True


def half(body: bytes) -> Answer:
    """The connection breaks in the middle of the answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        status(200, body[: len(body) // 2], Content_Length=str(len(body)), ETag='"1"')(handler)
        handler.close_connection = True

    return answer


class Script:
    """A server that gives prepared answers, one after the other, and keeps what it was asked."""

    def __init__(self) -> None:
        script = self
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                script.asked.append((self.command, body))
                script.answers.pop(0)(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    thread = threading.Thread(target=script.server.serve_forever, args=(0.01,))
    thread.start()
    yield script
    script.server.shutdown()
    script.server.server_close()
    thread.join()


def etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def test_a_store_that_is_away_is_tried_again_and_then_given_up(s3: Callable[..., S3Store], tmp_path: Path) -> None:
    port = free_port()
    store = s3(f"http://127.0.0.1:{port}")
    (tmp_path / "file").write_bytes(b"1")
    calls: list[Callable[[], object]] = [
        lambda: store.put("a", b""),
        lambda: store.put_file("a", tmp_path / "file"),
        lambda: store.get("a"),
        lambda: store.get_file("a", tmp_path / "copy"),
        lambda: store.size("a"),
        lambda: list(store.list("")),
        lambda: store.delete("a"),
        lambda: store.read("a"),
        lambda: store.replace("a", b"", None),
        lambda: store.overwrite("a", b""),
    ]
    for call in calls:
        with pytest.raises(UnavailableError, match=f"{BUCKET} cannot be reached .*refused.*check AWS_END"):
            call()
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("hiccup", [status(503), status(500), status(429, Retry_After="0"), status(409), hang_up])
def test_a_hiccup_goes_unnoticed(s3: Callable[..., S3Store], script: Script, tmp_path: Path, hiccup: Answer) -> None:
    store = s3(script.endpoint)
    script.answers = [hiccup, hiccup, status(200, b"data")]
    assert store.get("a") == b"data"
    (tmp_path / "file").write_bytes(b"12345")
    script.answers, script.asked = [hiccup, status(200)], []
    assert store.put_file("a", tmp_path / "file")
    assert script.asked == [("PUT", b"12345")] * 2


def test_an_answer_cut_short_is_asked_for_again(s3: Callable[..., S3Store], script: Script, tmp_path: Path) -> None:
    store = s3(script.endpoint)
    script.answers = [half(b"0123456789"), status(200, b"0123456789")]
    assert store.get("a") == b"0123456789"
    size = status(200, ETag='"1"', Content_Length="10")
    script.answers = [size, half(b"0123456789"), status(206, b"0123456789")]
    store.get_file("a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"0123456789"


def test_a_store_that_stays_ill_is_unavailable(s3: Callable[..., S3Store], script: Script) -> None:
    full = b"<Error><Code>XMinioStorageFull</Code></Error>"
    script.answers = [status(507, full), *[status(503, b"<Error><Code>SlowDown</Code></Error>")] * 4]
    store = s3(script.endpoint)
    with pytest.raises(UnavailableError, match=rf"s3://{BUCKET} is full \(XMinioStorageFull\), a was not .*disk space"):
        store.put("a", b"")
    with pytest.raises(UnavailableError, match="SlowDown"):
        store.get("a")


def test_a_put_whose_answer_was_lost_counts_as_ours(s3: Callable[..., S3Store], script: Script) -> None:
    """Otherwise whoever claims a number would find it taken by himself and claim another one."""
    store = s3(script.endpoint)
    script.answers = [hang_up, status(412), status(200, ETag=etag(b"mine"))]
    assert store.put("claim", b"mine")
    script.answers = [hang_up, status(412), status(200, ETag=etag(b"theirs"))]
    assert not store.put("claim", b"mine")
    script.answers, script.asked = [status(412)], []
    assert not store.put("claim", b"mine")
    assert len(script.asked) == 1


def test_a_move_whose_answer_was_lost_counts_as_ours(s3: Callable[..., S3Store], script: Script) -> None:
    store = s3(script.endpoint)
    script.answers = [hang_up, status(412), status(200, b"mine", ETag='"2"')]
    assert store.replace("pointer", b"mine", '"1"') == '"2"'
    script.answers = [hang_up, status(412), status(200, b"theirs", ETag='"2"')]
    with pytest.raises(ConflictError):
        store.replace("pointer", b"mine", '"1"')
    script.answers = [status(412)]
    with pytest.raises(ConflictError):
        store.replace("pointer", b"mine", '"1"')


def test_an_object_replaced_while_it_is_fetched_is_no_mixture(
    s3: Callable[..., S3Store], script: Script, tmp_path: Path
) -> None:
    script.answers = [
        status(200, ETag='"1"', Content_Length=str(PIECE + 1)),
        status(206, bytes(PIECE)),
        status(412, b"<Error><Code>PreconditionFailed</Code></Error>"),
    ]
    with pytest.raises(ConflictError, match="changed while it was read"):
        s3(script.endpoint).get_file("a", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_bytes_damaged_on_the_way_are_refused(s3: Callable[..., S3Store], minio_endpoint: str) -> None:
    """The checksum that goes with every write is one that the server really compares."""
    store = s3(minio_endpoint)
    wrong = {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    with pytest.raises(UnavailableError, match="BadDigest"):
        store._send("PUT", "damaged", b"1", wrong)
    assert store.size("damaged") is None


@pytest.mark.parametrize("name", ["moto_endpoint", "minio_endpoint"])
def test_a_bucket_that_is_not_there(name: str, request: pytest.FixtureRequest, s3: Callable[..., S3Store]) -> None:
    store = s3(request.getfixturevalue(name), bucket="nowhere-at-all")
    for call in (store.get, lambda key: store.put(key, b""), lambda key: list(store.list(key))):
        with pytest.raises(SettingsError, match="s3://nowhere-at-all/a: NoSuchBucket; check bucket, credentials"):
            call("a")


def test_wrong_credentials(minio_endpoint: str, s3: Callable[..., S3Store], monkeypatch: pytest.MonkeyPatch) -> None:
    s3(minio_endpoint)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something else")
    store = S3Store.from_environment(BUCKET, retry=QUICK)
    for call in (store.get, store.size, lambda key: store.put(key, b""), lambda key: list(store.list(key))):
        with pytest.raises(SettingsError, match=f"s3://{BUCKET}/a: (SignatureDoesNotMatch|AccessDenied)"):
            call("a")


def test_what_is_missing_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        open_store("s3://bucket/prefix")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    with pytest.raises(SettingsError, match="set AWS_SECRET_ACCESS_KEY"):
        open_store("s3://bucket/prefix")
    for endpoint in ("minio:9000", "ftp://minio"):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        with pytest.raises(SettingsError, match=f"{endpoint}' is no endpoint; write http://host:port"):
            open_store("s3://bucket")


def test_no_error_shows_a_credential(s3: Callable[..., S3Store]) -> None:
    with pytest.raises(UnavailableError) as caught:
        s3(f"http://127.0.0.1:{free_port()}").get("a")
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    assert "X-Amz" not in str(caught.value)


def test_stores_in_one_bucket_do_not_see_each_other(s3: Callable[..., S3Store], moto_endpoint: str) -> None:
    s3(moto_endpoint)
    here, there = open_store(f"s3://{BUCKET}/here"), open_store(f"s3://{BUCKET}/here-too/")
    here.put("a", b"1")
    assert list(there.list("")) == []
    assert there.put("a", b"2")
    assert list(here.list("")) == ["a"]
    assert (here.url, there.url) == (f"s3://{BUCKET}/here", f"s3://{BUCKET}/here-too")


def test_more_keys_than_one_answer_holds(s3: Callable[..., S3Store], moto_endpoint: str) -> None:
    store = s3(moto_endpoint)
    keys = [f"many/{i:04d}" for i in range(1003)]
    for key in keys:
        store.overwrite(key, b"")
    assert list(store.list("many/")) == keys


def test_a_server_killed_and_started_again_in_the_middle(
    s3: Callable[..., S3Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with minio(tmp_path) as endpoint:
        make_bucket(endpoint)
        store = s3(endpoint, RETRY.new(backoff_factor=0.2))
        assert store.put("before", b"1")
    again = threading.Event()

    def restart() -> None:
        time.sleep(0.5)
        with minio(tmp_path, int(endpoint.rpartition(":")[2])):
            again.wait(60)

    server = threading.Thread(target=restart)
    server.start()
    try:
        assert store.put("during", b"2")
        assert store.get("before") == b"1"
        with pytest.raises(NotFoundError):
            store.get("after")
    finally:
        again.set()
        server.join()


def test_erasing_leaves_no_version_behind_and_lifts_the_retention(
    minio_endpoint: str, s3: Callable[..., S3Store]
) -> None:
    client = s3(minio_endpoint).client
    client.make_bucket("locked", object_lock=True)
    client.set_object_lock_config("locked", ObjectLockConfig(GOVERNANCE, 1, DAYS))
    store = s3(minio_endpoint, bucket="locked")
    store.put("a/raw", b"rows")
    store.overwrite("a/raw", b"other rows")
    store.put("a/raw.copy", b"neighbour")
    store.delete("a/raw")
    versions = [item for item in client.list_objects("locked", "a/raw", include_version=True) if item.version_id]
    assert len(versions) == 4
    store.erase("a/raw")
    left = client.list_objects("locked", "a/", include_version=True)
    assert [item.object_name for item in left] == ["a/raw.copy"]
