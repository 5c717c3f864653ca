"""A store that is away, at the start or later."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from posterity.registry import aliases
from posterity.store import open_store
from tests.server.conftest import NOW, PAST
from tests.server.process import server
from tests.server.products import register
from tests.store.servers import BUCKET, KEYS, free_port, make_bucket


@contextmanager
def s3(port: int) -> Iterator[None]:
    """moto's server; what it holds stays in this process when it ends."""
    found = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    found.start()
    try:
        yield
    finally:
        found.stop()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    found = free_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{found}")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return found


def test_a_server_starts_without_its_store_and_goes_on_without_it(
    port: int, tmp_path: Path, clean: pd.DataFrame
) -> None:
    url = f"s3://{BUCKET}/outage"
    with s3(port):
        make_bucket(os.environ["AWS_ENDPOINT_URL"])
        store = open_store(url)
        register(store, clean, PAST)
        register(store, clean, NOW)
        aliases.move(store, "shop", "champion", 2, "tests", "newest")
    with server(tmp_path, url, wait=False) as running:
        waiting = running.until("/v2/health/ready", lambda answer: "cannot be reached" in answer.json["error"])
        assert (waiting.status, waiting.json["code"]) == (503, "not_ready")
        assert waiting.headers["retry-after"]
        early = running.get("/v1/products/shop/predictions/a")
        assert (early.status, early.json["code"]) == (503, "not_ready")
        assert running.metrics()["posterity_ready"] == running.metrics()["posterity_store_up"] == 0
        with s3(port):
            running.until("/v2/health/ready", lambda answer: answer.status == 200)
            assert running.metrics()["posterity_store_up"] == 1
            assert running.get("/v1/products/shop/predictions/a").status == 200
        later = running.until("/v2/health/ready", lambda answer: not answer.json["store"]["reachable"])
        assert (later.status, later.json["ready"]) == (200, True), "it goes on serving what it has"
        assert "cannot be reached" in later.json["store"]["error"]
        assert running.metrics()["posterity_store_up"] == 0
        assert running.get("/v1/products/shop/predictions/a").status == 200
        assert running.get("/v1/products/shop").status == 200
        unread = running.get("/v1/products/shop/versions/1/predictions/a")
        assert (unread.status, unread.json["code"]) == (503, "store_unavailable")
        with s3(port):
            running.until("/v2/health/ready", lambda answer: answer.json["store"]["reachable"])
            assert running.get("/v1/products/shop/versions/1/predictions/a").status == 200
