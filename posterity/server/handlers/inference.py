"""Scores of new keys from the posterior's draws, as the Open Inference Protocol asks for them."""

import time
from typing import Any

from posterity.server.access import READ, SCORE
from posterity.server.batching import Batcher
from posterity.server.challenge import Columns as Answered
from posterity.server.challenge import side_by_side
from posterity.server.errors import RequestError
from posterity.server.handlers.shared import MODEL, VERSION, alias_header, json_answer, served_version
from posterity.server.http import JSON, Request, Response
from posterity.server.protocol import answer, metadata, parse_request, question, wanted_outputs
from posterity.server.routing import Route
from posterity.server.schemas import JSON_TYPE, array, schema
from posterity.server.served import ServedVersion
from posterity.server.service import Service


async def infer(service: Service, request: Request) -> Response:
    """Mean, sd, quantiles and probabilities of exceeding thresholds, for rows that the request gives."""
    served = await served_version(service, request)
    asked = parse_request(request.body)
    batcher = await _batcher(service, served)
    what = question(asked, batcher.scorer)
    names = wanted_outputs(asked, batcher.scorer, what)
    columns = batcher.scorer.complete(asked.columns)
    found = await batcher.score(columns, what)
    service.seen.add(served.about, columns)
    mark = served.mark(time.time())
    return Response(answer(asked, found, names, mark.facts), JSON, 200, mark.headers, served.about)


async def describe(service: Service, request: Request) -> Response:
    """Inputs and outputs of a version."""
    served = await served_version(service, request)
    batcher = await _batcher(service, served)
    numbers = sorted(
        item.record.number for item in service.catalogue.memory() if item.record.model == served.record.model
    )
    return json_answer(request, metadata(batcher.scorer, served.record.model, numbers), about=served.about)


async def ready(service: Service, request: Request) -> Response:
    """Whether a version can be scored with; its draws are in memory afterwards."""
    served = await served_version(service, request)
    await _batcher(service, served)
    return json_answer(request, {"name": served.record.model, "ready": True}, about=served.about)


async def _batcher(service: Service, served: ServedVersion) -> Batcher:
    """The batcher of a version, whose draws are read when it is first asked for. Raises RequestError (404)."""
    if served.unscorable:
        raise RequestError(404, "no_infer", f"{served.record.label} cannot score new keys here: {served.unscorable}")
    if served.batcher is None:
        scorer = await service.in_thread(served.load_scorer, service.store)
        served.batcher = served.batcher or Batcher(scorer, service.in_thread)
    return served.batcher


def _columns(answer: Any) -> Answered:
    return {output["name"]: output["data"] for output in answer["outputs"]}


TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": {"type": "string", "description": "Column of the rows to be scored"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2},
        "datatype": {"type": "string", "enum": ["BYTES", "BOOL", "INT64", "FP64"]},
        "data": {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
    },
}
BODY = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": {
            "type": "object",
            "description": "quantiles: levels, such as 0.05,0.5,0.95; threshold or threshold.QUANTITY: a number, for "
            "the probability of exceeding it",
        },
        "inputs": {"type": "array", "items": TENSOR, "minItems": 1},
        "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    },
}
ANSWER = schema(
    model_name=str, model_version=str, parameters=dict, outputs=array(schema(name=str, shape=list, data=list))
)
GROUP = "Scoring"
REFUSALS = (403, 404, 410, 503)


def _routes(base: str, which: str) -> tuple[Route, ...]:
    said = {200: {JSON_TYPE: schema(name=str, versions=list, platform=str, inputs=list, outputs=list)}, 304: {}}
    is_ready = {200: {JSON_TYPE: schema(name=str, ready=bool)}, 304: {}}
    return (
        Route(
            "GET",
            base,
            describe,
            READ,
            GROUP,
            f"Inputs and outputs of {which}",
            answers=said,
            refusals=REFUSALS,
            headers=alias_header(base),
        ),
        Route(
            "GET",
            f"{base}/ready",
            ready,
            READ,
            GROUP,
            f"Whether {which} can score",
            answers=is_ready,
            refusals=REFUSALS,
            headers=alias_header(base),
        ),
        Route(
            "POST",
            f"{base}/infer",
            infer if VERSION in base else side_by_side(infer, _columns),
            SCORE,
            GROUP,
            f"Score new keys with {which}",
            body=BODY,
            answers={200: {JSON_TYPE: ANSWER}},
            refusals=REFUSALS,
            headers=alias_header(base),
        ),
    )


ROUTES = (
    *_routes(f"/v2/models/{MODEL}", "the current version"),
    *_routes(f"/v2/models/{MODEL}/versions/{VERSION}", "a version"),
)
