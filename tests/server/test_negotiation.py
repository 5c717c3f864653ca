import gzip

import pytest

from posterity.server.errors import RequestError
from posterity.server.http import CSV, JSON, PARQUET, Request
from posterity.server.negotiation import compress, has_already, takes_gzip, wanted_form


def asking(**headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"method": "GET", "path": "/", "raw_path": b"/", "headers": pairs, "query_string": b""})


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("Text/CSV; charset=utf-8", CSV),
        ("text/*", CSV),
        ("application/vnd.apache.parquet", PARQUET),
        ("text/csv;q=0.5, application/json", JSON),
        ("text/csv;q=0.5, application/json;q=0.4", CSV),
        ("text/csv, application/json", CSV),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("text/csv;q=nonsense, application/json;q=0.1", JSON),
    ],
)
def test_the_form_is_the_one_wanted_most(accept: str | None, form: bytes) -> None:
    assert wanted_form(None if accept is None else accept.encode()) == form


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", ""])
def test_a_form_that_there_is_not_is_refused(accept: str) -> None:
    with pytest.raises(RequestError) as refused:
        wanted_form(accept.encode())
    assert refused.value.status == 406


@pytest.mark.parametrize(
    ("header", "takes"), [("gzip", True), ("br, gzip;q=0.1", True), ("*", True), ("gzip;q=0", False), ("br", False)]
)
def test_gzip_is_used_where_it_is_understood(header: str, takes: bool) -> None:
    assert takes_gzip(asking(accept_encoding=header)) == takes
    assert not takes_gzip(asking())


@pytest.mark.parametrize(
    ("header", "there"),
    [('"a"', True), ('W/"a"', True), ('"b", W/"a"', True), ("*", True), ('"b"', False), ("a", False)],
)
def test_a_copy_is_recognised(header: str, there: bool) -> None:
    assert has_already(asking(if_none_match=header), b'"a"') == there
    assert not has_already(asking(), b'"a"')


def test_compressing_twice_gives_the_same_bytes() -> None:
    data = b"x" * 5000
    assert compress(data) == compress(data)
    assert gzip.decompress(compress(data)) == data
