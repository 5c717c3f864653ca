"""The table of routes: what a request is matched with, and what the OpenAPI document is made from."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from posterity.server.errors import RequestError
from posterity.server.http import Request, Response

if TYPE_CHECKING:
    from posterity.server.service import Service

Handler = Callable[["Service", Request], Awaitable[Response]]
KNOWN = 10_000  # paths whose routes are remembered: to split and decode one again takes longer than all else
RAW = "{key}"  # a part that its handler decodes itself, since a comma in it may be encoded


@dataclass(frozen=True)
class Route:
    """What is answered to one method at one path.

    path: with its variable parts in braces; role: what the consumer needs (`posterity.server.access`); query, headers:
    name → JSON schema with a description; body: JSON schema of what is sent; answers: status → media type → schema.
    """

    method: str
    path: str
    handler: Handler
    role: str
    group: str
    summary: str
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    answers: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Router:
    """Finds routes part by part; a fixed part goes before a variable one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self._known: dict[tuple[str, str], tuple[Route, dict[str, str]]] = {}
        for route in routes:
            node = self._root
            for part in route.path.split("/")[1:]:
                node = node.below(part)
            node.routes[route.method] = route

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request, and its variable parts by their names. Raises RequestError (404, 405).

        path: percent-encoded, as it was sent.
        """
        found = self._known.get((method, path))
        if found is None:
            found = self._search(method, path)
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[method, path] = found
        return found

    def _search(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        node = self._root
        values: dict[str, str] = {}
        for part in path.split("/")[1:]:
            fixed = node.fixed.get(part)
            if fixed:
                node = fixed
            elif node.variable and part:
                values[node.name] = part if node.name == RAW or "%" not in part else unquote(part)
                node = node.variable
            else:
                raise _not_found(path)
        route = node.routes.get("GET" if method == "HEAD" else method)
        if route:
            return route, values
        if not node.routes:
            raise _not_found(path)
        methods = ", ".join([*node.routes, *(["HEAD"] if "GET" in node.routes else [])])
        message = f"{path} does not take {method}; it takes {methods}"
        raise RequestError(405, "method_not_allowed", message, {b"allow": methods.encode()})


class _Node:
    __slots__ = ("fixed", "name", "routes", "variable")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.name = ""
        self.routes: dict[str, Route] = {}

    def below(self, part: str) -> "_Node":
        if not part.startswith("{"):
            return self.fixed.setdefault(part, _Node())
        self.name = part
        self.variable = self.variable or _Node()
        return self.variable


def _not_found(path: str) -> RequestError:
    return RequestError(404, "no_such_path", f"there is nothing at {path}; /docs lists what there is")
