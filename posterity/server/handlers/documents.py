"""What there is to ask for: the OpenAPI document, and the same as a page without scripts."""

from collections.abc import Sequence

import orjson

from posterity.server.access import OPEN
from posterity.server.handlers.shared import bytes_answer
from posterity.server.http import HTML, JSON, Request, Response
from posterity.server.openapi import Examples, document
from posterity.server.openapi_page import page
from posterity.server.routing import Route
from posterity.server.schemas import HTML_TYPE, JSON_TYPE
from posterity.server.service import Service


def routes(described: Sequence[Route]) -> tuple[Route, ...]:
    """The routes that describe the others."""

    async def openapi(service: Service, request: Request) -> Response:
        made = document(described, service.access.is_guarded, _examples(service))
        return bytes_answer(request, orjson.dumps(made), JSON)

    async def docs(service: Service, request: Request) -> Response:
        made = document(described, service.access.is_guarded, _examples(service))
        return bytes_answer(request, page(made).encode(), HTML)

    return (
        Route(
            "GET",
            "/openapi.json",
            openapi,
            OPEN,
            "Documentation",
            "This interface as OpenAPI 3.1",
            answers={200: {JSON_TYPE: {"type": "object"}}},
        ),
        Route(
            "GET",
            "/docs",
            docs,
            OPEN,
            "Documentation",
            "This interface as a page",
            answers={200: {HTML_TYPE: {"type": "string"}}},
        ),
    )


def _examples(service: Service) -> Examples:
    """A model, a version and a key that are there, and bodies about them, so that what is shown can be tried."""
    for line in service.catalogue.lines.values():
        if line.current and not line.current.unscorable:
            rows, number = line.current.rows, line.current.record.number
            values = orjson.loads(rows.row(0))
            inputs = [
                {"name": name, "shape": [1], "datatype": _datatype(values[name]), "data": [values[name]]}
                for name in rows.keys
            ]
            infer = {"inputs": inputs, "parameters": {"quantiles": "0.1,0.9"}}
            feedback = {"key": rows.key(0), "rating": "too low", "comment": "The runway is closed all month."}
            exposures = {item.exposure: 20 for item in line.current.facts.quantities if item.exposure}
            value = {item.name: 0.25 for item in line.current.facts.quantities} | exposures
            actuals = {"entries": [{"key": rows.key(0), "value": value}]}
            there = {"model": line.model, "version": number, "key": rows.key(0)}
            return {**there, "infer": infer, "feedback": feedback, "actuals": actuals}
    return {}


def _datatype(value: object) -> str:
    kinds = {bool: "BOOL", int: "INT64", float: "FP64"}
    return kinds.get(type(value), "BYTES")
