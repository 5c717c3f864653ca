"""A server that asks for tokens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from posterity.registry import aliases
from posterity.store import ObjectStore
from tests.server.process import Server, server

TOKENS = "page:read:aaa planner:read,score:bbb release:read,promote:ccc"


@pytest.fixture(scope="module")
def guarded(shared_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("logs"), shared_store.url, tokens=TOKENS) as found:
        yield found


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ["/v1/products", "/v1/products/shop/predictions/a", "/v1/products/shop/versions"])
def test_products_are_for_those_with_a_token(guarded: Server, path: str) -> None:
    nobody = guarded.get(path)
    assert (nobody.status, nobody.json["code"], nobody.headers["www-authenticate"]) == (401, "no_token", "Bearer")
    assert guarded.get(path, **bearer("aab")).json["code"] == "unknown_token"
    assert guarded.get(path, **bearer("aaa")).status == 200


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/metrics", "/docs", "/openapi.json"])
def test_health_metrics_and_documentation_are_open(guarded: Server, path: str) -> None:
    assert guarded.get(path).status == 200


def test_versions_never_released_are_for_those_who_release(guarded: Server) -> None:
    path = "/v1/products/shop/versions/1/predictions/a"
    refused = guarded.get(path, **bearer("bbb"))
    assert (refused.status, refused.json["code"]) == (403, "not_released")
    assert guarded.get(path, **bearer("ccc")).status == 200
    assert guarded.get(path.replace("/1/", "/2/"), **bearer("bbb")).status == 200


def test_traffic_is_counted_by_consumer(guarded: Server) -> None:
    guarded.get("/v1/products/shop/predictions/b", **bearer("bbb"))
    guarded.get("/v1/products/shop/predictions/b")
    counted = guarded.metrics()
    where = 'method="GET",route="/v1/products/{model}/predictions/{key}"'
    assert counted[f'http_requests_total{{consumer="planner",{where},status="200"}}'] >= 1
    assert counted[f'http_requests_total{{consumer="anonymous",{where},status="401"}}'] >= 1


def test_what_was_released_once_stays_readable(store: ObjectStore, tmp_path: Path) -> None:
    with server(tmp_path, store.url, tokens=TOKENS) as running:
        aliases.move(store, "shop", "champion", 1, "tests", "roll back")
        running.until("/metrics", lambda answer: b'role="current",version="1"' in answer.body)
        assert running.get("/v1/products/shop/versions/2/predictions/a", **bearer("aaa")).status == 200
