"""Requests that are refused, and the one shape in which every error is answered.

`{"error": what is wrong and what to do, "code": a word for programs, "status": the HTTP status}`; the Open Inference
Protocol asks for the first.
"""

from collections.abc import Mapping

import orjson

from posterity import errors
from posterity.errors import PosterityError, RefusedError
from posterity.server.http import JSON, Response

# Errors of the library → status and code, the first that fits.
KNOWN: tuple[tuple[type[PosterityError], int, str], ...] = (
    (errors.NotFoundError, 404, "not_found"),
    (errors.ConflictError, 409, "conflict"),
    (errors.UnavailableError, 503, "store_unavailable"),
    (errors.RefusedError, 400, "refused"),
)
RETRY_AFTER = b"5"  # seconds after which it is worth asking again


class RequestError(RefusedError):
    """A request that cannot be answered, with its HTTP status, a code for programs, and headers to go with it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[bytes, bytes] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


def error_response(error: Exception) -> Response:
    """The answer to a request that failed. What nobody raised on purpose tells nothing of the inside."""
    if isinstance(error, RequestError):
        return _response(error.status, error.code, str(error), error.headers)
    for kind, status, code in KNOWN:
        if isinstance(error, kind):
            return _response(status, code, str(error), {b"retry-after": RETRY_AFTER} if status == 503 else {})
    kind_of = str(error) if isinstance(error, PosterityError) else "this is a fault of the server; its log says more"
    return _response(500, "internal", kind_of, {})


def _response(status: int, code: str, message: str, headers: Mapping[bytes, bytes]) -> Response:
    body = orjson.dumps({"error": message, "code": code, "status": status})
    return Response(body, JSON, status, tuple(headers.items()))
