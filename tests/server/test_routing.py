from typing import Any

import pytest

from posterity.server.errors import RequestError
from posterity.server.http import Response
from posterity.server.routing import Route, Router


async def nothing(*_: Any) -> Response:
    return Response(b"")


def route(method: str, path: str) -> Route:
    return Route(method, path, nothing, "", "group", "summary")


ROUTES = [
    route("GET", "/v1/products"),
    route("GET", "/v1/products/{model}"),
    route("POST", "/v1/products/{model}"),
    route("GET", "/v1/products/{model}/predictions"),
    route("GET", "/v1/products/{model}/predictions/{key}"),
]


def match(method: str, path: str) -> tuple[str, dict[str, str]]:
    router = Router(ROUTES)
    found, values = router.match(method, path)
    assert router.match(method, path) == (found, values), "the second time it is remembered"
    return found.path, values


def test_parts_are_matched_and_decoded_but_for_a_key() -> None:
    assert match("GET", "/v1/products") == ("/v1/products", {})
    assert match("HEAD", "/v1/products/a%20b") == ("/v1/products/{model}", {"{model}": "a b"})
    path, values = match("GET", "/v1/products/m/predictions/a%2Cb,c")
    assert (path, values["{key}"]) == ("/v1/products/{model}/predictions/{key}", "a%2Cb,c")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/products/", "/v1/products/m/predictions/", "/v1/products/m/x", "//v1"]
)
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(RequestError) as refused:
        match("GET", path)
    assert refused.value.status == 404


def test_another_method_is_told_those_that_there_are() -> None:
    with pytest.raises(RequestError) as refused:
        match("DELETE", "/v1/products/m")
    assert refused.value.status == 405
    assert refused.value.headers == {b"allow": b"GET, POST, HEAD"}


def test_what_is_remembered_is_bounded() -> None:
    from posterity.server.routing import KNOWN

    router = Router(ROUTES)
    for number in range(KNOWN + 10):
        router.match("GET", f"/v1/products/{number}")
    assert len(router._known) <= KNOWN
