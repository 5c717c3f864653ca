"""What people say of predictions: kept in the store as it came, one object for each."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from posterity.errors import NotFoundError
from posterity.server.access import READ
from posterity.server.errors import RequestError
from posterity.server.handlers.shared import (
    MODEL,
    alias_header,
    json_answer,
    line_of,
    meant,
    readable_versions,
    refuse_unreleased,
    split_key,
)
from posterity.server.http import JSON, Request, Response
from posterity.server.routing import Route
from posterity.server.schemas import JSON_TYPE, array, described, schema
from posterity.server.service import Service
from posterity.store import digest_bytes
from posterity.store.digest import canonical_json

RATINGS = ("plausible", "too low", "too high", "useless")
LONGEST = 2000  # characters of a comment
NEWEST = 20  # that an answer shows
FIELDS = ("key", "version", "rating", "value", "comment")


async def leave(service: Service, request: Request) -> Response:
    """Keep what somebody says of one prediction."""
    line = line_of(service, request)
    said = _parse(request)
    if said["version"] is None:
        said["version"] = meant(line, request).record.number
    number = said["version"]
    refuse_unreleased(line, number, request)
    served = service.catalogue.held(line.model, number)
    if served is None:
        served = await service.in_thread(service.catalogue.load, line.model, number)
    said["key"] = split_key(said["key"], line.model, served.rows.keys)
    if served.rows.find(said["key"]) is None:
        raise RequestError(404, "unknown_key", f"{served.record.label} has no row {','.join(said['key'])!r}")
    who = {"model": line.model, "consumer": request.consumer.name}
    identifier = await service.in_thread(_keep, service, said | who)
    service.metrics.reported.labels(line.model, str(number), "feedback").inc()
    return Response(orjson.dumps({"id": identifier, "model": line.model, "version": number}), JSON, 201)


async def show(service: Service, request: Request) -> Response:
    """How much was said of each version, and what was said last."""
    line = line_of(service, request)
    return json_answer(request, await service.in_thread(_shown, service, line.model, readable_versions(line, request)))


def _keep(service: Service, said: Mapping[str, Any]) -> str:
    """Store one piece of feedback under the time it came and its digest. Raises UnavailableError."""
    now = datetime.now(UTC)
    data = canonical_json({**said, "received": now.isoformat()})
    name = f"{now:%Y%m%dT%H%M%S%f}-{digest_bytes(data)}"
    service.store.put(f"feedback/{said['model']}/{said['version']}/{name}.json", data)
    return name


def _shown(service: Service, model: str, readable: frozenset[int] | None) -> dict[str, Any]:
    keys = [key.split("/") for key in service.store.list(f"feedback/{model}/")]
    there = [(int(number), name) for _, _, number, name in keys if readable is None or int(number) in readable]
    newest = sorted(there, key=lambda item: item[1], reverse=True)[:NEWEST]
    found = [_read(service, f"feedback/{model}/{number}/{name}", name) for number, name in newest]
    counts = Counter(number for number, _ in there)
    return {
        "model": model,
        "versions": [{"version": number, "count": counts[number]} for number in sorted(counts, reverse=True)],
        "newest": [item for item in found if item],
    }


def _read(service: Service, key: str, name: str) -> dict[str, Any]:
    digest = name.removesuffix(".json").partition("-")[2]
    try:
        said = orjson.loads(service.files.fetch(key, digest))
    except NotFoundError:
        return {}
    return {field: said[field] for field in (*FIELDS, "received")}


def _parse(request: Request) -> dict[str, Any]:
    """The fields of a body. Raises RequestError: 415 (no JSON), 400 (not what is asked for)."""
    if request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != JSON:
        raise RequestError(415, "not_json", "send the feedback as JSON, with Content-Type: application/json")
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, "bad_json", f"the body is no JSON ({error})") from error
    if not isinstance(body, dict) or not set(body) <= set(FIELDS):
        raise RequestError(400, "bad_feedback", f"feedback is an object with some of {', '.join(FIELDS)}")
    said = {name: body.get(name) for name in FIELDS}
    for name, (wanted, fits) in RULES.items():
        if (said[name] is not None or name == "key") and not fits(said[name]):
            raise RequestError(400, "bad_feedback", f"{name} is to be {wanted}")
    if said["rating"] is None and said["value"] is None and not (said["comment"] or "").strip():
        raise RequestError(400, "bad_feedback", "say something: a rating, a value or a comment")
    return said


def _is_number(it: Any) -> bool:
    return isinstance(it, int | float) and not isinstance(it, bool) and math.isfinite(it)


def _is_version(it: Any) -> bool:
    return isinstance(it, int) and not isinstance(it, bool) and 0 < it < 10**9


RULES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "key": ("the key of a row as in a path, such as EV,EWR,DSM", lambda it: isinstance(it, str)),
    "version": ("the number of a version", _is_version),
    "rating": (f"one of {', '.join(RATINGS)}", lambda it: it in RATINGS),
    "value": ("a number", _is_number),
    "comment": (f"text of at most {LONGEST} characters", lambda it: isinstance(it, str) and len(it) <= LONGEST),
}
BODY = {
    "type": "object",
    "required": ["key"],
    "additionalProperties": False,
    "properties": {
        "key": described("The key of a row as in a path"),
        "version": described("Number of the version that it is about; the current one if not given", int, minimum=1),
        "rating": {"type": "string", "enum": list(RATINGS)},
        "value": described("What it should have been, or was", float),
        "comment": described("In words", maxLength=LONGEST),
    },
}
PATH = f"/v1/products/{MODEL}/feedback"
GROUP = "Feedback"
ROUTES = (
    Route(
        "POST",
        PATH,
        leave,
        READ,
        GROUP,
        "Say something of one prediction: a rating, a value or a comment",
        body=BODY,
        answers={201: {JSON_TYPE: schema(id=str, model=str, version=int)}},
        refusals=(403, 404, 415, 503),
        headers=alias_header(PATH),
    ),
    Route(
        "GET",
        PATH,
        show,
        READ,
        GROUP,
        f"How much was said of each version, and the {NEWEST} newest",
        answers={
            200: {
                JSON_TYPE: schema(
                    model=str,
                    versions=array(schema(version=int, count=int)),
                    newest=array(schema(key=list, version=int, received=str)),
                )
            },
            304: {},
        },
        refusals=(404, 503),
    ),
)
