"""Health, as the Open Inference Protocol and Kubernetes ask for it, and metrics."""

import time
from datetime import UTC, datetime
from typing import Any

from posterity import __version__
from posterity.server.access import OPEN
from posterity.server.errors import RequestError
from posterity.server.handlers.shared import json_answer
from posterity.server.http import Request, Response
from posterity.server.metrics import exposition
from posterity.server.routing import Route
from posterity.server.schemas import JSON_TYPE, TEXT_TYPE, schema
from posterity.server.service import Service
from posterity.server.state import State
from posterity.server.workers import announced

EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"


async def live(service: Service, request: Request) -> Response:
    """The process answers."""
    return json_answer(request, {"live": True})


async def ready(service: Service, request: Request) -> Response:
    """Ready once everything that is to be served is in memory; a store that goes away later changes nothing."""
    condition = service.follower.condition
    if not condition.is_ready or announced() < service.settings.server_workers:
        why = condition.away or "; ".join(condition.troubles.values()) or "not every worker has read the store yet"
        raise RequestError(503, "not_ready", f"not ready: {why}", {b"retry-after": b"1"})
    products = {
        line.model: {
            "reference": line.reference,
            "version": line.current.record.number if line.current else None,
            "challenger": line.challenger.record.number if line.challenger else None,
            "trouble": condition.troubles.get(line.model),
        }
        for line in service.catalogue.lines.values()
    }
    return json_answer(request, {"ready": True, "store": _store(service), "products": products})


async def server(service: Service, request: Request) -> Response:
    """What this is."""
    return json_answer(request, {"name": "posterity", "version": __version__, "extensions": []})


async def metrics(service: Service, request: Request) -> Response:
    """Everything that is measured, of all workers."""
    service.metrics.write()
    body = await service.in_thread(exposition, State(service))
    return Response(body, EXPOSITION)


def _store(service: Service) -> dict[str, Any]:
    condition = service.follower.condition
    looked = datetime.fromtimestamp(condition.looked or time.time(), UTC).isoformat(timespec="seconds")
    return {"reachable": not condition.away, "last_success": looked, "error": condition.away or None}


ROUTES = (
    Route(
        "GET",
        "/v2/health/live",
        live,
        OPEN,
        "Health",
        "Whether the process answers",
        answers={200: {JSON_TYPE: schema(live=bool)}},
    ),
    Route(
        "GET",
        "/v2/health/ready",
        ready,
        OPEN,
        "Health",
        "Whether all products are in memory, and how the store is",
        answers={200: {JSON_TYPE: schema(ready=bool, store=dict, products=dict)}},
        refusals=(503,),
    ),
    Route(
        "GET",
        "/v2",
        server,
        OPEN,
        "Health",
        "Name and version of the server",
        answers={200: {JSON_TYPE: schema(name=str, version=str, extensions=list)}},
    ),
    Route(
        "GET",
        "/metrics",
        metrics,
        OPEN,
        "Health",
        "Metrics for Prometheus",
        answers={200: {TEXT_TYPE: {"type": "string"}}},
    ),
)
