"""How a single prediction is distributed, and why it is what it is."""

import time
from typing import Any

import numpy as np
import orjson

from posterity.data.parquet import read_row
from posterity.data.product import LATENT, Effect
from posterity.model.contract import Quantity
from posterity.server.access import READ
from posterity.server.challenge import side_by_side
from posterity.server.handlers.shared import MODEL, VERSION, alias_header, json_answer, place_of, served_version
from posterity.server.http import Request, Response
from posterity.server.routing import RAW, Route
from posterity.server.schemas import JSON_TYPE, VALIDITY, array, schema
from posterity.server.served import ServedVersion
from posterity.server.service import Service
from posterity.stats.mixture import mixture_quantiles
from posterity.stats.predictive import mid_levels

VALUES = 50  # equally likely values that stand for a distribution: as many as people can still see as dots


async def distribution(service: Service, request: Request) -> Response:
    """Equally likely values of each quantity of one row."""
    served = await served_version(service, request)
    found = await service.in_thread(_distributions, service, served, place_of(served, request))
    return _answer(request, served, {"distributions": found})


async def contributions(service: Service, request: Request) -> Response:
    """What each effect adds to each quantity of one row; nothing where the model does not explain it."""
    served = await served_version(service, request)
    found = await service.in_thread(_contributions, service, served, place_of(served, request))
    return _answer(request, served, {"contributions": found})


def _distributions(service: Service, served: ServedVersion, place: int) -> list[dict[str, Any]]:
    latent = _row(service, served, "latent", served.facts.latent_sha256, place)
    row = orjson.loads(served.rows.row(place))
    return [_distribution(quantity, latent, row) for quantity in served.facts.quantities]


def _distribution(quantity: Quantity, latent: dict[str, float], row: dict[str, Any]) -> dict[str, Any]:
    known = np.array([latent[f"{quantity.name}_{i:03d}"] for i in range(LATENT)], dtype=float)
    trials = row[quantity.exposure] if quantity.exposure else None
    levels = mid_levels(VALUES)
    if trials is None:
        values = np.interp(levels, mid_levels(LATENT), known)
    elif trials > 0:
        angles = np.arcsin(np.sqrt(np.clip(known, 0, 1)))
        values = mixture_quantiles(angles[None], np.array([float(trials)]), levels)[0]
    else:
        values = np.array([])
    return {"quantity": quantity.name, "unit": quantity.unit, "trials": trials, "values": values.tolist()}


def _contributions(service: Service, served: ServedVersion, place: int) -> list[dict[str, Any]]:
    if not served.facts.effects_sha256:
        return []
    links: dict[str, str] = {}
    parts: dict[str, dict[str, dict[str, Any]]] = {}
    for name, value in _row(service, served, "effects", served.facts.effects_sha256, place).items():
        effect = Effect.parse(name)
        links[effect.quantity] = effect.link
        part = parts.setdefault(effect.quantity, {}).setdefault(effect.part, {"name": effect.part})
        part[effect.statistic] = value
    return [{"quantity": name, "link": links[name], "parts": list(found.values())} for name, found in parts.items()]


def _row(service: Service, served: ServedVersion, name: str, sha256: str, place: int) -> dict[str, Any]:
    folder = served.record.references["product"].key.rpartition("/")[0]
    return read_row(service.files.fetch(f"{folder}/{name}.parquet", sha256), place)


def _answer(request: Request, served: ServedVersion, found: dict[str, Any]) -> Response:
    mark = served.mark(time.time())
    return json_answer(request, {**mark.facts, **found}, mark.headers, served.about)


PART = schema(name=str, mean=float, q05=float, q95=float)
DISTRIBUTION = schema(quantity=str, unit=str, trials=float | None, values=array({"type": "number"}))
CONTRIBUTION = schema(quantity=str, link=str, parts=array(PART))


def _routes(base: str, which: str) -> tuple[Route, ...]:
    told = (
        (
            distribution,
            "distribution",
            f"{VALUES} equally likely values of one key of {which}",
            schema(**VALIDITY, distributions=array(DISTRIBUTION)),
        ),
        (
            contributions,
            "contributions",
            f"What each effect adds to the prediction of one key of {which}, on the scale of `link`",
            schema(**VALIDITY, contributions=array(CONTRIBUTION)),
        ),
    )
    return tuple(
        Route(
            "GET",
            f"{base}/predictions/{RAW}/{name}",
            handler if VERSION in base else side_by_side(handler),
            READ,
            "Predictions",
            text,
            answers={200: {JSON_TYPE: answer}, 304: {}},
            refusals=(403, 404, 410, 503),
            headers=alias_header(base),
        )
        for handler, name, text, answer in told
    )


ROUTES = (
    *_routes(f"/v1/products/{MODEL}", "the current version"),
    *_routes(f"/v1/products/{MODEL}/versions/{VERSION}", "a version"),
)
