"""Requests and responses, over the bare ASGI messages: what they cost is paid millions of times."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

JSON = b"application/json"
CSV = b"text/csv; charset=utf-8"
PARQUET = b"application/vnd.apache.parquet"
HTML = b"text/html; charset=utf-8"

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Consumer:
    """Who asks: a name for the metrics, and roles."""

    name: str
    roles: frozenset[str]


NOBODY = Consumer("anonymous", frozenset({""}))  # who may see what is open to all


class Response:
    """Status, headers and body. `about` is the model and version that it speaks of, for the metrics."""

    __slots__ = ("about", "body", "headers", "kind", "status")

    def __init__(
        self, body: bytes, kind: bytes = JSON, status: int = 200, headers: Headers = (), about: tuple[str, ...] = ()
    ) -> None:
        self.body = body
        self.kind = kind
        self.status = status
        self.headers = headers
        self.about = about


class Request:
    """One request: its path (percent-encoded), what the route found in it, headers in lower case."""

    __slots__ = ("_query", "body", "consumer", "headers", "method", "path", "query_string", "values")

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.query_string: bytes = scope["query_string"]
        self.values: dict[str, str] = {}
        self.body = b""
        self.consumer = NOBODY
        self._query: list[tuple[str, str]] | None = None

    @property
    def query(self) -> list[tuple[str, str]]:
        """Names and values of the query, in their order; empty values are kept."""
        if self._query is None:
            text = self.query_string.decode("latin-1")
            self._query = parse_qsl(text, keep_blank_values=True) if text else []
        return self._query
