"""What handlers have in common: which version a request is about, and answering with JSON."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from posterity.registry.versions import Version
from posterity.server.access import PROMOTE
from posterity.server.catalogue import Line
from posterity.server.choice import ALIAS_HEADER, chosen
from posterity.server.errors import RequestError
from posterity.server.http import JSON, Headers, Request, Response
from posterity.server.negotiation import SMALLEST, compress, has_already, takes_gzip
from posterity.server.routing import RAW
from posterity.server.served import ServedVersion, has_expired
from posterity.server.service import Service

MODEL, VERSION = "{model}", "{version}"
REVALIDATE = (b"cache-control", b"no-cache")  # a copy may be kept, but is to be asked for: the pointer may have moved
VARY = (b"vary", b"accept, accept-encoding, posterity-alias")


def alias_header(base: str) -> Mapping[str, Mapping[str, Any]]:
    """The header that chooses a version, where the path does not."""
    return {} if VERSION in base else ALIAS_HEADER


def line_of(service: Service, request: Request) -> Line:
    """The line of the model that the path names. Raises RequestError (404, 503 before anything is in memory)."""
    model = request.values[MODEL]
    line = service.catalogue.lines.get(model)
    if line:
        return line
    if not service.follower.condition.is_ready:
        raise RequestError(
            503, "not_ready", "nothing is in memory yet; /v2/health/ready says why", {b"retry-after": b"5"}
        )
    there = ", ".join(sorted(service.catalogue.lines)) or "none yet"
    raise RequestError(404, "unknown_model", f"no product {model!r} is served here; there are: {there}")


async def served_version(service: Service, request: Request) -> ServedVersion:
    """The version that the path names, or the current one, ready to be answered.

    Raises RequestError: 404 (unknown), 403 (not released), 410 (withdrawn, or expired and refused), 503.
    """
    if VERSION not in request.values:
        return current_version(service, request)
    return await released_version(service, request, line_of(service, request), number_of(request))


def current_version(service: Service, request: Request) -> ServedVersion:
    """The current version, or the challenger, of the model in the path. Raises RequestError like `served_version`."""
    line = line_of(service, request)
    served = meant(line, request)
    if line.retired:
        refuse_withdrawn(line, served.record)
    if served.refuses:
        refuse_expired(served.record)
    return served


def meant(line: Line, request: Request) -> ServedVersion:
    """The version that a request means which gives no number. Raises RequestError (400, 404)."""
    served = chosen(line, request)
    if served is None:
        raise RequestError(404, "no_version", f"{line.reference} points at no version yet")
    return served


async def released_version(service: Service, request: Request, line: Line, number: int) -> ServedVersion:
    """Version `number`, from memory or from the store. Raises RequestError like `served_version`."""
    refuse_unreleased(line, number, request)
    served = service.catalogue.held(line.model, number)
    if served is None:
        served = await service.in_thread(service.catalogue.load, line.model, number)
    refuse_withdrawn(line, served.record)
    if served.refuses:
        refuse_expired(served.record)
    return served


def number_of(request: Request) -> int:
    """The number of the version in the path. Raises RequestError (404)."""
    text = request.values[VERSION]
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    raise RequestError(404, "unknown_version", f"{text!r} is not the number of a version")


def key_of(request: Request, names: Sequence[str]) -> list[str]:
    """The values of the key in the path. Raises RequestError (404)."""
    return split_key(request.values[RAW], request.values[MODEL], names)


def split_key(text: str, model: str, names: Sequence[str]) -> list[str]:
    """The values of a key, `EV,EWR,DSM`: a comma within a value is written %2C. Raises RequestError (404)."""
    parts = [unquote(part) if "%" in part else part for part in text.split(",")]
    if len(parts) != len(names):
        wanted = ",".join(name.upper() for name in names)
        raise RequestError(404, "unknown_key", f"{unquote(text)!r} is no key of {model}; write {wanted}")
    return parts


def place_of(served: ServedVersion, request: Request) -> int:
    """The place of the row whose key is in the path. Raises RequestError (404)."""
    place = served.rows.find(key_of(request, served.rows.keys))
    if place is None:
        raise RequestError(404, "unknown_key", f"{served.record.label} has no row {unquote(request.values[RAW])!r}")
    return place


def readable_versions(line: Line, request: Request) -> frozenset[int] | None:
    """The versions that the consumer may look at, those that were current once; None for all."""
    return None if PROMOTE in request.consumer.roles else line.released


def refuse_unreleased(line: Line, number: int, request: Request) -> None:
    """Raise RequestError where a version was never current and the consumer may not look at such."""
    readable = readable_versions(line, request)
    if readable is None or number in readable:
        return
    raise RequestError(
        403, "not_released", f"{line.model}/{number} was never released; reading it needs role 'promote'"
    )


def refuse_withdrawn(line: Line, record: Version) -> None:
    """Raise RequestError (410) where a version was withdrawn."""
    entry = line.retired.get(record.number)
    if entry:
        raise RequestError(410, "withdrawn", f"{record.label} was withdrawn on {entry.when[:10]}: {entry.why}")


def refuse_expired(record: Version) -> None:
    """Raise RequestError (410) where a version has expired."""
    if has_expired(record, time.time()):
        message = f"{record.label} was valid until {record.valid_until}, and {record.model} is not answered afterwards"
        raise RequestError(410, "expired", message)


def json_answer(
    request: Request, value: Mapping[str, Any], headers: Headers = (), about: tuple[str, ...] = ()
) -> Response:
    """`value` as JSON, with an ETag of its content."""
    return bytes_answer(request, orjson.dumps(value), JSON, headers, about)


def bytes_answer(
    request: Request, body: bytes, kind: bytes, headers: Headers = (), about: tuple[str, ...] = ()
) -> Response:
    """`body` with an ETag of its content; compressed, or not sent again, where the client says so."""
    etag = b'"%s"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
    headers = (*headers, (b"etag", etag), REVALIDATE, VARY)
    if has_already(request, etag):
        return Response(b"", kind, 304, headers, about)
    if len(body) >= SMALLEST and takes_gzip(request):
        return Response(compress(body), kind, 200, (*headers, (b"content-encoding", b"gzip")), about)
    return Response(body, kind, 200, headers, about)
