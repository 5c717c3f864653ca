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
RAW = "{key}"  # a part that its handler decodes itself, since a comma in it may be encoded


@dataclass(frozen=True)
class Route:
    """What is answered to one method at one path.

    path: with its variable parts in braces; role: what the consumer needs (`posterity.server.access`); query: name →
    JSON schema with a description; body: JSON schema of what is sent; answers: status → media type → JSON schema.
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


class Router:
    """Finds routes part by part; a fixed part goes before a variable one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for part in route.path.split("/")[1:]:
                node = node.below(part)
            node.routes[route.method] = route

    def match(self, request: Request) -> Route:
        """The route of a request, whose `values` are filled. Raises RequestError (404, 405)."""
        node = self._root
        values = request.values
        for part in request.parts:
            fixed = node.fixed.get(part)
            if fixed:
                node = fixed
            elif node.variable and part:
                values[node.name] = part if node.name == RAW or "%" not in part else unquote(part)
                node = node.variable
            else:
                raise _not_found(request)
        route = node.routes.get("GET" if request.method == "HEAD" else request.method)
        if route:
            return route
        if not node.routes:
            raise _not_found(request)
        methods = ", ".join([*node.routes, *(["HEAD"] if "GET" in node.routes else [])])
        message = f"{request.path} does not take {request.method}; it takes {methods}"
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


def _not_found(request: Request) -> RequestError:
    return RequestError(404, "no_such_path", f"there is nothing at {request.path}; /docs lists what there is")
