"""Probes of a real server, and of one whose answers are changed on their way."""

import importlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest

from posterity.errors import UnavailableError
from posterity.model.contract import Release
from posterity.registry import aliases
from posterity.release.client import Client
from posterity.release.probe import probe
from posterity.release.process import serving
from posterity.settings import Settings
from posterity.store import open_store
from tests.release.products import predictions, register


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(store=f"file://{tmp_path_factory.mktemp('probed')}/store")


@pytest.fixture(scope="module")
def version(settings: Settings):
    store = open_store(settings.store)
    return register(store, predictions(12_000, late=[None, *range(11_999)], seen=True))


@pytest.fixture(scope="module")
def client(settings: Settings, version) -> Iterator[Client]:
    aliases.move(open_store(settings.store), "flights", "staging", 1, "tests", "tried")
    with serving(settings, "*@staging") as running:
        yield running


def failed(checks) -> dict[str, str]:
    return {check.name: check.text for check in checks if not check.passed}


def test_a_server_that_is_right_passes_everything(settings, version, client):
    checks = probe(open_store(settings.store), client, version)
    assert failed(checks) == {}
    assert [check.name for check in checks] == ["health", "contract", "rows", "file", "latency", "refusals"]
    assert "all 12,000 rows" in checks[2].text


@contextmanager
def changed(client: Client, change: Any) -> Iterator[Client]:
    """A server in front of the real one that passes on what `change(path, status, body)` makes of its answers."""

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = client.ask(self.path, Accept=self.headers.get("Accept", "*/*"))
            status, body = change(self.path, answer.status, answer.body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Client(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def of_pages(edit: Any) -> Any:
    """Change the rows of the page that the first of them is on."""

    def change(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if "limit=10000" not in path or "page=" in path:
            return status, body
        page = json.loads(body)
        edit(page["predictions"])
        return status, json.dumps(page).encode()

    return change


def drop(rows: list[dict[str, Any]]) -> None:
    del rows[7]


def repeat(rows: list[dict[str, Any]]) -> None:
    rows.insert(8, rows[7])


def nudge(rows: list[dict[str, Any]]) -> None:
    rows[7]["share_q95"] *= 1 + 2**-52


def forget(rows: list[dict[str, Any]]) -> None:
    del rows[7]["late"]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (drop, "C1,.*O7"),
        (repeat, "C2,.*O8"),
        (nudge, "C1,.*O7: share_q95 is"),
        (forget, "C1,.*O7: late is None, not 6"),
    ],
)
def test_a_row_that_is_not_as_registered_is_named(settings, version, client, edit, words):
    with changed(client, of_pages(edit)) as wrong:
        found = failed(probe(open_store(settings.store), wrong, version))
    assert set(found) == {"rows"}
    assert re.search(words, found["rows"]), found["rows"]


def test_rows_that_end_too_early_or_too_late_are_noticed(settings, version, client):
    def cut(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if "limit=10000" not in path:
            return status, body
        return status, json.dumps(json.loads(body) | {"next": None}).encode()

    def more(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if "page=" not in path or "limit=10000" not in path:
            return status, body
        page = json.loads(body)
        return status, json.dumps(page | {"predictions": [*page["predictions"], page["predictions"][-1]]}).encode()

    store = open_store(settings.store)
    with changed(client, cut) as wrong:
        assert "O10000 is missing" in failed(probe(store, wrong, version))["rows"]
    with changed(client, more) as wrong:
        assert "is served and was not registered" in failed(probe(store, wrong, version))["rows"]


def test_wrong_facts_a_wrong_file_and_loose_refusals_are_noticed(settings, version, client):
    def change(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if path.endswith("/versions/1"):
            return status, json.dumps(json.loads(body) | {"valid_until": "2013-05-31"}).encode()
        if path.endswith(".parquet"):
            return status, body[:-1] + b"?"
        if "no-such-column" in path:
            return 200, b"{}"
        return status, body

    with changed(client, change) as wrong:
        found = failed(probe(open_store(settings.store), wrong, version))
    assert set(found) == {"contract", "file", "refusals"}
    assert "valid_until '2013-05-31', not '2013-04-30'" in found["contract"]
    assert "no-such-column=1 is answered with 200" in found["refusals"]


def test_an_answer_of_no_form_fails_its_check(settings, version, client):
    def change(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        return (status, b"[]") if path.endswith("/versions/1") else (status, body)

    with changed(client, change) as wrong:
        found = failed(probe(open_store(settings.store), wrong, version))
    assert "has not the agreed form" in found["contract"]


def test_answers_slower_than_declared_fail(settings, version, client):
    strict = replace(version, about={"release": asdict(Release(latency=1e-6))})
    found = failed(probe(open_store(settings.store), client, strict))
    assert set(found) == {"latency"}
    assert "0.001 ms are allowed" in found["latency"]


def test_a_product_that_was_damaged_is_not_asked_for(tmp_path: Path, client):
    store = open_store(f"file://{tmp_path}/store")
    version = register(store, predictions())
    key = version.references["product"].key.replace("product.json", "predictions.parquet")
    table = pd.read_parquet(io.BytesIO(store.get(key))).drop(index=3)
    store.overwrite(key, table.to_parquet(index=False))
    found = failed(probe(store, client, version))
    assert set(found) == {"product"}
    assert "does not match its SHA-256" in found["product"]


def test_a_server_that_does_not_answer_fails_and_one_that_does_not_start_says_why(settings, version, monkeypatch):
    monkeypatch.setattr(importlib.import_module("posterity.release.probe"), "KNOWN", 0.2)
    found = failed(probe(open_store(settings.store), Client("http://127.0.0.1:9"), version))
    assert set(found) == {"health", "contract", "rows", "file", "latency", "refusals"}
    assert "does not answer" in found["health"]
    with (
        pytest.raises(UnavailableError, match=r"did not start: SettingsError: .*'nonsense' is not"),
        serving(settings, "nonsense"),
    ):
        pass
