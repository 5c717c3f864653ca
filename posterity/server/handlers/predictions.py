"""The predictions of a version: one by its key, pages of them, or all as a table."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from posterity.server.access import READ
from posterity.server.challenge import Columns, side_by_side
from posterity.server.errors import RequestError
from posterity.server.handlers.shared import (
    MODEL,
    REVALIDATE,
    VARY,
    VERSION,
    alias_header,
    current_version,
    line_of,
    place_of,
    released_version,
    served_version,
)
from posterity.server.http import CSV, JSON, PARQUET, Headers, Request, Response
from posterity.server.negotiation import SMALLEST, compress, has_already, takes_gzip, wanted_form
from posterity.server.routing import RAW, Route
from posterity.server.rows import Places, to_csv, to_parquet
from posterity.server.schemas import CSV_TYPE, JSON_TYPE, PARQUET_TYPE, VALIDITY, array, described, schema
from posterity.server.served import Mark, ServedVersion
from posterity.server.service import Service

PAGE = "page"
LIMIT = "limit"
ROWS = 1000  # of a JSON page, unless the client says otherwise
MOST = 10_000  # rows of a JSON page
SUFFIXES = {JSON: b"json", CSV: b"csv", PARQUET: b"parquet"}


async def by_key(service: Service, request: Request) -> Response:
    """One row, by its key."""
    is_current = VERSION not in request.values
    served = current_version(service, request) if is_current else await served_version(service, request)
    place = place_of(served, request)
    mark = served.mark(time.time())
    etag = b'"%s-%d"' % (mark.tag, place)
    headers = (*mark.headers, (b"etag", etag), REVALIDATE)
    if has_already(request, etag):
        return Response(b"", JSON, 304, headers, served.about)
    body = b'%s"prediction":%s}' % (mark.opening, served.rows.row(place))
    return Response(body, JSON, 200, headers, served.about)


def _columns(answer: Any) -> Columns:
    return {name: [value] for name, value in answer["prediction"].items()}


async def negotiated(service: Service, request: Request) -> Response:
    """Rows in the form that the client accepts."""
    return await _several(service, request, wanted_form(request.headers.get(b"accept")))


async def as_csv(service: Service, request: Request) -> Response:
    """Rows as CSV."""
    return await _several(service, request, CSV)


async def as_parquet(service: Service, request: Request) -> Response:
    """Rows as Parquet; all of them are the registered file itself."""
    return await _several(service, request, PARQUET)


@dataclass(frozen=True)
class Selection:
    """Which rows are asked for: those with the wanted values, from `start` on, `limit` of them (None: all)."""

    wanted: Mapping[str, Sequence[str]]
    start: int
    limit: int | None


async def _several(service: Service, request: Request, form: bytes) -> Response:
    served = await _paged_version(service, request)
    selection = _selection(served, request, form)
    zipped = form != PARQUET and takes_gzip(request)
    mark = served.mark(time.time())
    etag = b'"%s-%s-%d%s"' % (mark.tag, SUFFIXES[form], selection.start, b"-gzip" * zipped)
    if has_already(request, etag):
        return Response(b"", form, 304, (*mark.headers, (b"etag", etag), REVALIDATE, VARY), served.about)
    key = (request.path, request.query_string, etag)
    response = service.remembered.get(key)
    if response is None:
        response = await service.in_thread(_write, served, mark, selection, request, form, zipped, etag)
        service.remembered.put(key, response)
    return response


async def _paged_version(service: Service, request: Request) -> ServedVersion:
    """The version that the path names or, without one, that the first of the pages was from."""
    page = dict(request.query).get(PAGE)
    if page is None or VERSION in request.values:
        return await served_version(service, request)
    return await released_version(service, request, line_of(service, request), _parse_page(page)[0])


def _selection(served: ServedVersion, request: Request, form: bytes) -> Selection:
    """What the query asks for. Raises RequestError: 400 (a parameter that is none), 404 (a value that no row has)."""
    wanted: dict[str, list[str]] = {}
    start, limit = 0, ROWS if form == JSON else None
    for name, text in request.query:
        if name in served.rows.keys:
            wanted.setdefault(name, []).append(_known(served, name, text))
        elif name == LIMIT:
            limit = _parse_limit(text, form)
        elif name == PAGE:
            number, start = _parse_page(text)
            if number != served.record.number:
                raise RequestError(400, "other_page", f"page {text!r} is one of version {number}, not of this one")
        else:
            there = ", ".join((*served.rows.keys, PAGE, LIMIT))
            raise RequestError(400, "unknown_column", f"{name!r} is no key column of {served.record.model}: {there}")
    return Selection(wanted, start, limit)


def _known(served: ServedVersion, column: str, text: str) -> str:
    if not served.rows.knows(column, text):
        raise RequestError(404, "unknown_key", f"{served.record.label} has no row with {column}={text!r}")
    return text


def _parse_limit(text: str, form: bytes) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0:
        if form != JSON or int(text) <= MOST:
            return int(text)
        raise RequestError(
            400, "bad_limit", f"limit={text}: a page has at most {MOST:,} rows; CSV and Parquet have more"
        )
    raise RequestError(400, "bad_limit", f"limit={text!r} is not a number of rows")


def _parse_page(text: str) -> tuple[int, int]:
    """Version and first row of a cursor. Raises RequestError (400)."""
    number, _, start = text.partition(".")
    if all(part.isascii() and part.isdecimal() and len(part) < 12 for part in (number, start)):
        return int(number), int(start)
    raise RequestError(400, "bad_page", f"page={text!r} is none; take the one under `next` of the page before")


def _write(
    served: ServedVersion, mark: Mark, selection: Selection, request: Request, form: bytes, zipped: bool, etag: bytes
) -> Response:
    """The whole answer."""
    rows = served.rows
    places = rows.select(selection.wanted) if selection.wanted else None
    total = rows.count if places is None else len(places)
    stop = total if selection.limit is None else min(total, selection.start + selection.limit)
    following = _following(served, request, stop) if stop < total else None
    headers: Headers = (*mark.headers, (b"etag", etag), REVALIDATE, VARY)
    if following:
        headers = (*headers, (b"link", b'<%s>; rel="next"' % following.encode()))
    if form == JSON:
        begin = {"keys": rows.keys, "rows": total, "next": following}
        page = rows.page(places, selection.start, stop)
        body = b'%s%s,"predictions":[%s]}' % (mark.opening, orjson.dumps(begin)[1:-1], page)
    else:
        body = _table(served, places, selection.start, stop, form)
        name = f"{served.record.model}-{served.record.number}.{SUFFIXES[form].decode()}"
        headers = (*headers, (b"content-disposition", b'attachment; filename="%s"' % name.encode()))
    if zipped and len(body) >= SMALLEST:
        body, headers = compress(body), (*headers, (b"content-encoding", b"gzip"))
    return Response(body, form, 200, headers, served.about)


def _table(served: ServedVersion, places: Places | None, start: int, stop: int, form: bytes) -> bytes:
    if form == PARQUET and places is None and (start, stop) == (0, served.rows.count):
        return served.rows.parquet  # the registered file itself, to the byte
    table = served.rows.table(places, start, stop)
    return to_parquet(table) if form == PARQUET else to_csv(table)


def _following(served: ServedVersion, request: Request, start: int) -> str:
    """Path and query of the next page."""
    rest = [(name, text) for name, text in request.query if name != PAGE]
    return f"{request.path}?{urlencode([*rest, (PAGE, f'{served.record.number}.{start}')])}"


BASE = f"/v1/products/{MODEL}"
ONE = f"{BASE}/versions/{VERSION}"
GROUP = "Predictions"
QUERY = {
    PAGE: described("Which page, as `next` of the page before says"),
    LIMIT: described(
        f"Rows of a page: {ROWS} of JSON if not given, at most {MOST}; all of CSV and Parquet", int, minimum=1
    ),
}
PAGE_SCHEMA = schema(**VALIDITY, keys=list, rows=int, next=str | None, predictions=array({"type": "object"}))
TABLES = {CSV_TYPE: {"type": "string"}, PARQUET_TYPE: {"type": "string", "format": "binary"}}
REFUSALS = (400, 403, 404, 410, 503)


def _routes(base: str, which: str) -> tuple[Route, ...]:
    row = {200: {JSON_TYPE: schema(**VALIDITY, prediction=dict)}, 304: {}}
    table = {200: {JSON_TYPE: PAGE_SCHEMA, **TABLES}, 304: {}}
    csv, parquet = ({200: {kind: TABLES[kind]}, 304: {}} for kind in TABLES)
    alias = alias_header(base)
    some = f"Predictions of {which}; filter by key columns, `?carrier=EV&origin=EWR`"
    return (
        Route("GET", f"{base}/predictions", negotiated, READ, GROUP, some, QUERY, None, table, (*REFUSALS, 406), alias),
        Route(
            "GET", f"{base}/predictions.csv", as_csv, READ, GROUP, f"{some}, as CSV", QUERY, None, csv, REFUSALS, alias
        ),
        Route(
            "GET",
            f"{base}/predictions.parquet",
            as_parquet,
            READ,
            GROUP,
            f"{some}, as Parquet",
            QUERY,
            None,
            parquet,
            REFUSALS,
            alias,
        ),
        Route(
            "GET",
            f"{base}/predictions/{RAW}",
            by_key if VERSION in base else side_by_side(by_key, _columns),
            READ,
            GROUP,
            f"The prediction of one key of {which}, `EV,EWR,DSM`",
            answers=row,
            refusals=(403, 404, 410, 503),
            headers=alias,
        ),
    )


ROUTES = (*_routes(BASE, "the current version"), *_routes(ONE, "a version"))
