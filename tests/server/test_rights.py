"""The server on MinIO as the user that it is on a cluster: what it may not read, it does not need."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest

from posterity.store import ObjectStore
from tests.server.process import Server, server
from tests.store.provisioned import provisioned

SCORED = [{"name": "shop", "shape": [2], "datatype": "BYTES", "data": ["a", "new"]}]
SCORED += [{"name": "customers", "shape": [2], "datatype": "INT64", "data": [50, 50]}]
ASKED = (
    "/v1/products",
    "/v1/products/shop",
    "/v1/products/shop/versions/1",
    "/v1/products/shop/predictions?shop=b",
    "/v1/products/shop/predictions/b/distribution",
    "/v1/products/shop/predictions/b/history",
    "/v1/products/shop/predictions/b/contributions",
    "/v1/products/shop/scores",
    "/v2/models/stalls",
)


@pytest.fixture(scope="module")
def limited(shared_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a copy of the shared store, with the key of the user of the production server."""
    with provisioned(tmp_path_factory.mktemp("rights")) as found, pytest.MonkeyPatch.context() as environment:
        for key in shared_store.list(""):
            data = shared_store.get(key)
            found.root.put_object("posterity", key, BytesIO(data), len(data))
        for name, value in found.keys("posterity-production").items():
            environment.setenv(name, value)
        with server(tmp_path_factory.mktemp("logs"), "s3://posterity") as running:
            yield running


@pytest.mark.parametrize("path", ASKED)
def test_it_answers_as_a_server_does_that_may_read_everything(limited: Server, running: Server, path: str) -> None:
    expected, answer = running.get(path), limited.get(path)
    assert (answer.status, answer.body) == (200, expected.body), answer.body


def test_it_scores_new_keys(limited: Server, running: Server) -> None:
    bodies: list[Any] = [
        at.ask("POST", "/v2/models/stalls/infer", {"inputs": SCORED}).json for at in (running, limited)
    ]
    assert bodies[0]["outputs"] == bodies[1]["outputs"]


def test_it_keeps_what_users_say(limited: Server) -> None:
    path = "/v1/products/shop/feedback"
    assert limited.ask("POST", path, {"key": "b", "rating": "too low", "comment": "sold out by noon"}).status == 201
    assert "sold out by noon" in limited.get(path).body.decode()
    entries = [{"key": "b", "value": {"sales": 3}}]
    assert limited.ask("POST", "/v1/products/shop/actuals", {"version": 1, "entries": entries}).status == 201
