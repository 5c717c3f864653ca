"""What happened, reported by clients for the next run to score with."""

from typing import Any

import orjson

from posterity import reported
from posterity.server.access import READ, SCORE
from posterity.server.errors import RequestError
from posterity.server.handlers.shared import (
    MODEL,
    alias_header,
    json_answer,
    line_of,
    meant,
    readable_versions,
    refuse_unreleased,
    refuse_withdrawn,
)
from posterity.server.http import JSON, Request, Response
from posterity.server.outcomes import LONGEST, parse_actuals
from posterity.server.protocol import json_object
from posterity.server.routing import Route
from posterity.server.schemas import JSON_TYPE, array, schema
from posterity.server.served import ServedVersion
from posterity.server.service import Service


async def keep(service: Service, request: Request) -> Response:
    """Keep what happened."""
    said = json_object(request.body)
    served = await _version(service, request, said.get("version"))
    entries = parse_actuals(said, served)
    (model, number), who = served.about, request.consumer.name
    digest, new = await service.in_thread(reported.post_actuals, service.store, model, int(number), entries, who)
    if new:
        service.metrics.reported.labels(model, number, "actuals").inc(len(entries))
    body = {"model": model, "version": int(number), "digest": digest, "entries": len(entries), "new": new}
    return Response(orjson.dumps(body), JSON, 201, (), served.about)


async def count(service: Service, request: Request) -> Response:
    """How many outcomes were reported of each version."""
    line = line_of(service, request)
    found = await service.in_thread(reported.counts, service.store, line.model)
    readable = readable_versions(line, request)
    shown = [
        {"version": number, "count": found[number]}
        for number in sorted(found, reverse=True)
        if readable is None or number in readable
    ]
    return json_answer(request, {"model": line.model, "versions": shown})


async def _version(service: Service, request: Request, number: Any) -> ServedVersion:
    """The version that is meant, expired or not. Raises RequestError (400, 403, 404, 410, 503)."""
    line = line_of(service, request)
    if number is None:
        number = meant(line, request).record.number
    if type(number) is not int or not 0 < number < 10**9:
        raise RequestError(400, "bad_actuals", f"version {number!r} is not the number of a version")
    refuse_unreleased(line, number, request)
    served = service.catalogue.held(line.model, number)
    if served is None:
        served = await service.in_thread(service.catalogue.load, line.model, number)
    refuse_withdrawn(line, served.record)
    return served


KEY = {"type": ["string", "object"], "description": "As in a path (EV,EWR,DSM), or an object of the key columns"}
VALUE = {
    "type": ["number", "object"],
    "description": "The number or, for shares and for several quantities, an object of quantities and exposures",
}
ENTRY = {
    "type": "object",
    "required": ["key", "value"],
    "additionalProperties": False,
    "properties": {"key": KEY, "value": VALUE, "comment": {"type": "string", "maxLength": LONGEST}},
}
BODY = {
    "type": "object",
    "required": ["entries"],
    "additionalProperties": False,
    "properties": {
        "entries": {"type": "array", "items": ENTRY, "minItems": 1},
        "version": {"type": "integer", "minimum": 1, "description": "The current one if not given"},
    },
}
PATH = f"/v1/products/{MODEL}/actuals"
GROUP = "Feedback"
ROUTES = (
    Route(
        "POST",
        PATH,
        keep,
        SCORE,
        GROUP,
        "Report what happened; the next run scores with it",
        body=BODY,
        answers={201: {JSON_TYPE: schema(model=str, version=int, digest=str, entries=int, new=bool)}},
        refusals=(403, 404, 410, 503),
        headers=alias_header(PATH),
    ),
    Route(
        "GET",
        PATH,
        count,
        READ,
        GROUP,
        "How many outcomes were reported of each version",
        answers={200: {JSON_TYPE: schema(model=str, versions=array(schema(version=int, count=int)))}, 304: {}},
        refusals=(404, 503),
    ),
)
