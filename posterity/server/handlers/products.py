"""What is known of products and their versions: validity, verdicts, lineage."""

import time
from typing import Any

from posterity.lineage import graph
from posterity.registry.versions import Version
from posterity.server.access import READ
from posterity.server.catalogue import Line
from posterity.server.handlers.shared import MODEL, alias_header, json_answer, line_of, meant, number_of
from posterity.server.http import Request, Response
from posterity.server.routing import Route
from posterity.server.schemas import JSON_TYPE, VALIDITY, array, schema
from posterity.server.served import has_expired, validity
from posterity.server.service import Service
from posterity.server.standing import Standing, read_standing

BRIEF = {**VALIDITY, "gate": str, "drift": str, "withdrawn": dict | None, "links": dict}
FULL = schema(
    **{**BRIEF, "gate": dict, "drift": dict, "scores": dict, "lineage": dict, "quantities": list, "keys": list}
)


async def products(service: Service, request: Request) -> Response:
    """What is served."""
    rows = [
        {"model": line.model, "reference": line.reference}
        | {"current": _brief(line, line.current.record) if line.current else None}
        | {"challenger": _brief(line, line.challenger.record) if line.challenger else None}
        for line in service.catalogue.lines.values()
    ]
    return json_answer(request, {"products": rows})


async def current(service: Service, request: Request) -> Response:
    """Everything about the current version."""
    line = line_of(service, request)
    served = meant(line, request)
    headers = served.mark(time.time()).headers
    return json_answer(request, _full(line, served.record, served.standing), headers, served.about)


async def versions(service: Service, request: Request) -> Response:
    """All versions in brief, the newest first."""
    line = line_of(service, request)
    records = await service.in_thread(service.catalogue.records, line.model)
    return json_answer(request, {"model": line.model, "versions": [_brief(line, item) for item in reversed(records)]})


async def version(service: Service, request: Request) -> Response:
    """Everything about one version."""
    line, number = line_of(service, request), number_of(request)
    served = service.catalogue.held(line.model, number)
    if served:
        record, standing = served.record, served.standing
    else:
        record, standing = await service.in_thread(_from_store, service, line.model, number)
    return json_answer(request, _full(line, record, standing), about=(record.model, str(record.number)))


def _from_store(service: Service, model: str, number: int) -> tuple[Version, Standing]:
    record = service.catalogue.record(model, number)
    return record, read_standing(service.store, record)


def _brief(line: Line, record: Version) -> dict[str, Any]:
    entry = line.retired.get(record.number)
    base = f"/v1/products/{record.model}/versions/{record.number}"
    return validity(record, has_expired(record, time.time())) | {
        "created": record.created,
        "rows": record.references["product"].meta.get("rows"),
        "gate": record.gate,
        "drift": record.drift,
        "withdrawn": {"who": entry.who, "when": entry.when, "why": entry.why} if entry else None,
        "links": {"version": base, "predictions": f"{base}/predictions"},
    }


def _full(line: Line, record: Version, standing: Standing) -> dict[str, Any]:
    nodes, edges = graph(record)
    return _brief(line, record) | {
        "run": record.run,
        "image": record.image,
        "parameters": record.parameters,
        "keys": record.about.get("keys", []),
        "quantities": record.about.get("quantities", []),
        "description": record.about.get("description", ""),
        "metrics": record.metrics,
        "gate": standing.gate,
        "scores": standing.scores,
        "drift": standing.drift,
        "lineage": {"nodes": nodes, "edges": edges},
    }


BASE = f"/v1/products/{MODEL}"
GROUP = "Products"
ROUTES = (
    Route(
        "GET",
        "/v1/products",
        products,
        READ,
        GROUP,
        "What is served",
        answers={200: {JSON_TYPE: schema(products=array(schema(model=str, reference=str)))}},
    ),
    Route(
        "GET",
        BASE,
        current,
        READ,
        GROUP,
        "The current version: validity, verdicts, scores, lineage",
        answers={200: {JSON_TYPE: FULL}},
        refusals=(404, 503),
        headers=alias_header(BASE),
    ),
    Route(
        "GET",
        f"{BASE}/versions",
        versions,
        READ,
        GROUP,
        "All versions, the newest first",
        answers={200: {JSON_TYPE: schema(model=str, versions=array(schema(**BRIEF)))}},
        refusals=(404, 503),
    ),
    Route(
        "GET",
        f"{BASE}/versions/{{version}}",
        version,
        READ,
        GROUP,
        "One version: validity, verdicts, scores, lineage",
        answers={200: {JSON_TYPE: FULL}},
        refusals=(404, 503),
    ),
)
