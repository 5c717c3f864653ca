"""Rows found by words of their keys."""

import time
from weakref import WeakKeyDictionary

import orjson

from posterity.data.product import column
from posterity.server.access import READ
from posterity.server.errors import RequestError
from posterity.server.handlers.shared import MODEL, VERSION, alias_header, bytes_answer, served_version
from posterity.server.http import JSON, Request, Response
from posterity.server.routing import Route
from posterity.server.rows import Rows
from posterity.server.schemas import JSON_TYPE, VALIDITY, array, described, schema
from posterity.server.search import Index
from posterity.server.served import ServedVersion
from posterity.server.service import Service

FOUND, MOST = 20, 100  # rows of an answer: unless the client says otherwise, and at most
LONGEST = 200  # characters of what is searched for

_indexes: WeakKeyDictionary[Rows, Index] = WeakKeyDictionary()


async def search(service: Service, request: Request) -> Response:
    """The rows whose keys have all the words, with the largest predictions first."""
    served = await served_version(service, request)
    words, limit = _asked(request)
    total, found = await service.in_thread(_search, served, words, limit)
    mark = served.mark(time.time())
    begin = orjson.dumps({"keys": served.rows.keys, "rows": total})[1:-1]
    body = b'%s%s,"predictions":[%s]}' % (mark.opening, begin, found)
    return bytes_answer(request, body, JSON, mark.headers, served.about)


def _search(served: ServedVersion, words: list[str], limit: int) -> tuple[int, bytes]:
    rows = served.rows
    index = _indexes.get(rows)
    if index is None:
        index = _indexes[rows] = Index(rows, column(served.facts.quantities[0].name, "mean"))
    places = index.search(words)
    return len(places), rows.page(places, 0, limit)


def _asked(request: Request) -> tuple[list[str], int]:
    """Words and the number of rows. Raises RequestError (400)."""
    given = {"q": "", "limit": str(FOUND)}
    for name, text in request.query:
        if name not in given:
            raise RequestError(400, "unknown_parameter", f"{name!r} is nothing to search with; there are q and limit")
        given[name] = text
    limit = given["limit"]
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 4 and 0 < int(limit) <= MOST):
        raise RequestError(400, "bad_limit", f"limit={limit!r} is not a number of rows from 1 to {MOST}")
    if len(given["q"]) > LONGEST:
        raise RequestError(400, "bad_search", f"q has {len(given['q'])} characters; search for at most {LONGEST}")
    return given["q"].replace(",", " ").split(), int(limit)


QUERY = {
    "q": described("Words that a row's key must have, in any order; without any, all rows", maxLength=LONGEST),
    "limit": described(f"Rows of the answer, {FOUND} if not given", int, minimum=1, maximum=MOST),
}
ANSWERS = {200: {JSON_TYPE: schema(**VALIDITY, keys=list, rows=int, predictions=array({"type": "object"}))}, 304: {}}
ROUTES = tuple(
    Route(
        "GET",
        f"{base}/search",
        search,
        READ,
        "Predictions",
        f"Rows of {which} by words of their keys, `?q=ev newark`; the largest predictions first",
        QUERY,
        None,
        ANSWERS,
        (400, 403, 404, 410, 503),
        alias_header(base),
    )
    for base, which in (
        (f"/v1/products/{MODEL}", "the current version"),
        (f"/v1/products/{MODEL}/versions/{VERSION}", "a version"),
    )
)
