"""Which form of an answer a client wants, and whether it has it already (RFC 9110)."""

import gzip

from posterity.server.errors import RequestError
from posterity.server.http import CSV, JSON, PARQUET, Request

SMALLEST = 1000  # bytes worth compressing
LEVEL = 5  # of gzip: a fifth of the time of the best one, and almost as small
FORMS = {b"application/json": JSON, b"text/csv": CSV, PARQUET: PARQUET}


def wanted_form(accept: bytes | None) -> bytes:
    """JSON, CSV or PARQUET by an Accept header. Raises RequestError (406)."""
    if accept is None or accept == b"*/*":
        return JSON
    ranges = sorted(_weighed(accept), reverse=True)
    for weight, _, kind in ranges:
        if not weight:
            break
        if kind in FORMS:
            return FORMS[kind]
        if kind in {b"*/*", b"application/*"}:
            return JSON
        if kind == b"text/*":
            return CSV
    there = ", ".join(name.decode() for name in FORMS)
    raise RequestError(406, "not_acceptable", f"there is no {accept.decode('latin-1')!r} of this; there is {there}")


def takes_gzip(request: Request) -> bool:
    """Whether the client understands gzip."""
    header = request.headers.get(b"accept-encoding")
    return header is not None and any(weight and kind in {b"gzip", b"*"} for weight, _, kind in _weighed(header))


def has_already(request: Request, etag: bytes) -> bool:
    """Whether the client's copy is the one with this ETag."""
    header = request.headers.get(b"if-none-match")
    if header is None:
        return False
    return header == etag or header == b"*" or etag in {part.strip().removeprefix(b"W/") for part in header.split(b",")}


def compress(body: bytes) -> bytes:
    """`body` in gzip, the same bytes for the same content."""
    return gzip.compress(body, LEVEL, mtime=0)


def _weighed(header: bytes) -> list[tuple[float, int, bytes]]:
    """Quality, place from the end, and name of each part of a header."""
    parts = [part.split(b";") for part in header.lower().split(b",")]
    return [(_quality(rest), -place, name.strip()) for place, (name, *rest) in enumerate(parts)]


def _quality(parameters: list[bytes]) -> float:
    for parameter in parameters:
        name, _, value = parameter.strip().partition(b"=")
        if name == b"q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
