"""Whatever is wrong with a request, the answer has one shape."""

import pytest

from posterity import errors
from posterity.server.errors import RequestError, error_response
from tests.server.process import Server

HERE = "/v1/products/shop"
ROWS = f"{HERE}/predictions"
MALFORMED = [  # method, path, headers, status, code
    ("GET", "//", {}, 404, "no_such_path"),
    ("GET", "/v1", {}, 404, "no_such_path"),
    ("GET", "/v1/products/", {}, 404, "no_such_path"),
    ("GET", "/v1/Products", {}, 404, "no_such_path"),
    ("GET", "/v1/products/shop/", {}, 404, "no_such_path"),
    ("GET", "/v1/../v1/products", {}, 404, "no_such_path"),
    ("GET", "/%2e%2e/etc/passwd", {}, 404, "no_such_path"),
    ("GET", f"{ROWS}.xlsx", {}, 404, "no_such_path"),
    ("GET", f"{ROWS}/a/b", {}, 404, "no_such_path"),
    ("GET", f"{HERE}/versions/2/predictions/", {}, 404, "no_such_path"),
    ("GET", "/v3/health/live", {}, 404, "no_such_path"),
    ("GET", "/v1/products/flights", {}, 404, "unknown_model"),
    ("GET", "/v1/products/flights/predictions", {}, 404, "unknown_model"),
    ("GET", "/v1/products/SHOP/predictions/a", {}, 404, "unknown_model"),
    ("GET", "/v1/products/%00", {}, 404, "unknown_model"),
    ("GET", "/v1/products/..%2F..%2Fetc", {}, 404, "unknown_model"),
    ("GET", "/v1/products/%FF%FE", {}, 404, "unknown_model"),
    ("GET", f"/v1/products/{'x' * 4000}", {}, 404, "unknown_model"),
    ("GET", f"{HERE}/versions/x", {}, 404, "unknown_version"),
    ("GET", f"{HERE}/versions/-1", {}, 404, "unknown_version"),
    ("GET", f"{HERE}/versions/1.0", {}, 404, "unknown_version"),
    ("GET", f"{HERE}/versions/%D9%A3", {}, 404, "unknown_version"),
    ("GET", f"{HERE}/versions/{'9' * 30}", {}, 404, "unknown_version"),
    ("GET", f"{HERE}/versions/99", {}, 404, "not_found"),
    ("GET", f"{HERE}/versions/0/predictions", {}, 404, "not_found"),
    ("GET", f"{HERE}/versions/99/predictions/a", {}, 404, "not_found"),
    ("GET", f"{ROWS}/z", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}/A", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}/a,b", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}/a%2Cb", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}/%", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}/%zz", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}/%C3%28", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}?shop=z", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}?shop=", {}, 404, "unknown_key"),
    ("GET", f"{ROWS}?sales_mean=3", {}, 400, "unknown_column"),
    ("GET", f"{ROWS}?Shop=a", {}, 400, "unknown_column"),
    ("GET", f"{ROWS}?=a", {}, 400, "unknown_column"),
    ("GET", f"{ROWS}?'%3BDROP%20TABLE%20x=1", {}, 400, "unknown_column"),
    ("GET", f"{ROWS}?limit=0", {}, 400, "bad_limit"),
    ("GET", f"{ROWS}?limit=-5", {}, 400, "bad_limit"),
    ("GET", f"{ROWS}?limit=1e3", {}, 400, "bad_limit"),
    ("GET", f"{ROWS}?limit=", {}, 400, "bad_limit"),
    ("GET", f"{ROWS}?limit=10001", {}, 400, "bad_limit"),
    ("GET", f"{ROWS}?limit={'9' * 40}", {}, 400, "bad_limit"),
    ("GET", f"{ROWS}.csv?limit=none", {}, 400, "bad_limit"),
    ("GET", f"{ROWS}?page=", {}, 400, "bad_page"),
    ("GET", f"{ROWS}?page=2", {}, 400, "bad_page"),
    ("GET", f"{ROWS}?page=2.-1", {}, 400, "bad_page"),
    ("GET", f"{ROWS}?page=2.1.1", {}, 400, "bad_page"),
    ("GET", f"{ROWS}?page=99.0", {}, 404, "not_found"),
    ("GET", f"{HERE}/versions/2/predictions?page=1.0", {}, 400, "other_page"),
    ("GET", ROWS, {"accept": "text/html"}, 406, "not_acceptable"),
    ("GET", ROWS, {"accept": "image/png;q=1, ;;;,"}, 406, "not_acceptable"),
    ("GET", ROWS, {"accept": "application/json;q=0"}, 406, "not_acceptable"),
    ("POST", ROWS, {}, 405, "method_not_allowed"),
    ("DELETE", HERE, {}, 405, "method_not_allowed"),
    ("PUT", f"{HERE}/versions/2", {}, 405, "method_not_allowed"),
    ("PATCH", "/metrics", {}, 405, "method_not_allowed"),
    ("OPTIONS", "/v1/products", {}, 405, "method_not_allowed"),
    ("BREW", "/v1/products", {}, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("method", "path", "headers", "status", "code"), MALFORMED)
def test_a_malformed_request_is_refused_in_the_one_shape(
    running: Server, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = running.ask(method, path, **headers)
    said = answer.json
    assert (answer.status, said["code"]) == (status, code), said
    assert set(said) == {"error", "code", "status"}
    assert said["status"] == status
    assert len(said["error"]) > 10
    assert answer.headers["content-type"] == "application/json"
    if status == 405:
        assert answer.headers["allow"]


def test_there_are_more_than_fifty_kinds() -> None:
    assert len({(method, path, tuple(headers.items())) for method, path, headers, *_ in MALFORMED}) >= 50


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestError(410, "withdrawn", "gone for good"), 410, "withdrawn"),
        (errors.NotFoundError("no such thing"), 404, "not_found"),
        (errors.UnavailableError("away"), 503, "store_unavailable"),
        (errors.ConflictError("somebody was faster"), 409, "conflict"),
        (errors.ModelError("predict wants more"), 400, "refused"),
        (errors.CorruptError("bytes do not match"), 500, "internal"),
        (ZeroDivisionError("secret of the inside"), 500, "internal"),
    ],
)
def test_every_error_has_a_status(error: Exception, status: int, code: str) -> None:
    import json

    response = error_response(error)
    said = json.loads(response.body)
    assert (response.status, said["status"], said["code"]) == (status, status, code)
    assert "secret" not in said["error"]
    assert (b"retry-after" in dict(response.headers)) == (status == 503)
