"""The page for people: HTML, style and scripts that ask nothing of anybody but this server.

Each file is a route. A Content-Security-Policy holds browsers to what is said here: scripts, styles and requests of
this server alone, nothing inline.
"""

from pathlib import Path

from posterity.server.access import OPEN
from posterity.server.handlers.shared import bytes_answer
from posterity.server.http import HTML, Headers, Request, Response
from posterity.server.routing import Handler, Route
from posterity.server.schemas import HTML_TYPE
from posterity.server.service import Service

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE: Headers = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
KINDS = {".css": "text/css", ".js": "text/javascript"}
FILES = ("style.css", "main.js", "api.js", "charts.js", "dom.js", "feedback.js", "product.js", "row.js")


def _file(name: str, kind: bytes) -> Handler:
    data = (Path(__file__).parent / name).read_bytes()

    async def handler(service: Service, request: Request) -> Response:
        return bytes_answer(request, data, kind, SAFE)

    return handler


def _asset(name: str) -> Route:
    kind = KINDS[Path(name).suffix]
    answers = {200: {kind: {"type": "string"}}, 304: {}}
    handler = _file(name, f"{kind}; charset=utf-8".encode())
    return Route("GET", f"/page/{name}", handler, OPEN, "Page", f"Part of the page: {name}", answers=answers)


ROUTES = (
    Route(
        "GET",
        "/",
        _file("index.html", HTML),
        OPEN,
        "Page",
        "The page for people: search, distributions, reasons, history",
        answers={200: {HTML_TYPE: {"type": "string"}}, 304: {}},
    ),
    *map(_asset, FILES),
)
