"""What earlier versions said, and what happened."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from posterity.data.parquet import read_row
from posterity.data.product import ProductFacts
from posterity.errors import NotFoundError
from posterity.registry.versions import Version
from posterity.server.access import READ
from posterity.server.catalogue import Line
from posterity.server.errors import RequestError
from posterity.server.files import place_in
from posterity.server.handlers.shared import MODEL, json_answer, key_of, line_of, readable_versions
from posterity.server.http import Request, Response
from posterity.server.routing import RAW, Route
from posterity.server.schemas import JSON_TYPE, VALIDITY, array, schema
from posterity.server.served import REFUSE, has_expired, validity
from posterity.server.service import Service

VERSIONS = 24  # the newest ones that an answer goes back to
LEVELS = ("coverage_50", "coverage_90")


async def history(service: Service, request: Request) -> Response:
    """What each version said of one key, the newest first, with what happened where it is known."""
    line = line_of(service, request)
    if line.current is None:
        raise RequestError(404, "no_version", f"{line.reference} points at no version yet")
    key = key_of(request, line.current.facts.keys)
    found = await service.in_thread(_history, service, line, readable_versions(line, request), key)
    if not any(item["prediction"] for item in found):
        raise RequestError(404, "unknown_key", f"no version of {line.model} has a row {','.join(key)!r}")
    return json_answer(request, {"model": line.model, "versions": found})


async def scores(service: Service, request: Request) -> Response:
    """How each version did, the newest first, and the coverage of all of them together."""
    line = line_of(service, request)
    scored = await service.in_thread(_scored, service, line, readable_versions(line, request))
    found = [
        validity(record, has_expired(record, time.time()))
        | {"rows": said.get("rows"), "metrics": said["metrics"], "verdict": said.get("verdict", "")}
        for record, said, _ in scored.values()
    ]
    return json_answer(request, {"model": line.model, "coverage": _pooled(found), "versions": found})


def _history(service: Service, line: Line, readable: frozenset[int] | None, key: Sequence[str]) -> list[dict[str, Any]]:
    scored = _scored(service, line, readable)
    return [_entry(service, line, record, scored, key) for record in _records(service, line, readable)]


def _records(service: Service, line: Line, readable: frozenset[int] | None) -> Iterator[Version]:
    newest = reversed(service.catalogue.records(line.model)[-VERSIONS:])
    return (record for record in newest if readable is None or record.number in readable)


Scored = Mapping[int, tuple[Version, dict[str, Any], str]]


def _scored(service: Service, line: Line, readable: frozenset[int] | None) -> Scored:
    """Number → record, newest scores, and the folder that they lie in. A later run scores an earlier version."""
    records = {record.label: record for record in _records(service, line, readable)}
    found: dict[int, tuple[Version, dict[str, Any], str]] = {}
    for later in reversed(service.catalogue.records(line.model)[-VERSIONS:]):
        reference = later.references.get("scores")
        said = _json(service, reference.key, reference.sha256) if reference else {}
        record = records.get(str(said.get("version")))
        if record and reference and record.number not in found:
            found[record.number] = (record, said, reference.key.rpartition("/")[0])
    return dict(sorted(found.items(), reverse=True))


def _entry(service: Service, line: Line, record: Version, scored: Scored, key: Sequence[str]) -> dict[str, Any]:
    withdrawn = line.retired.get(record.number)
    refused = record.about.get("after_expiry") == REFUSE and has_expired(record, time.time())
    said = {
        "current": line.current is not None and line.current.record.number == record.number,
        "withdrawn": withdrawn.why if withdrawn else None,
        "prediction": None if withdrawn or refused else _prediction(service, record, key),
        "outcome": _outcome(service, record, scored, key),
    }
    return validity(record, has_expired(record, time.time())) | said


def _prediction(service: Service, record: Version, key: Sequence[str]) -> dict[str, Any] | None:
    """The row of a version; None where it has none, or the store has lost it."""
    served = service.catalogue.held(record.model, record.number)
    if served:
        place = served.rows.find(key) if len(key) == len(served.rows.keys) else None
        return None if place is None else dict(orjson.loads(served.rows.row(place)))
    reference = record.references["product"]
    try:
        facts = ProductFacts.from_json(service.files.fetch(reference.key, reference.sha256))
        folder = reference.key.rpartition("/")[0]
        return _find(service, f"{folder}/predictions.parquet", facts.predictions_sha256, facts.keys, key)
    except NotFoundError:
        return None


def _outcome(service: Service, record: Version, scored: Scored, key: Sequence[str]) -> dict[str, Any] | None:
    _, said, folder = scored.get(record.number, (record, {}, ""))
    if not said.get("outcomes_sha256"):
        return None
    keys = record.about.get("keys", [])
    try:
        return _find(service, f"{folder}/outcomes.parquet", said["outcomes_sha256"], keys, key)
    except NotFoundError:
        return None


def _find(service: Service, path: str, sha256: str, keys: Sequence[str], texts: Sequence[str]) -> dict[str, Any] | None:
    parquet = service.files.fetch(path, sha256)
    place = place_in(parquet, keys, texts) if len(keys) == len(texts) else None
    return None if place is None else read_row(parquet, place)


def _json(service: Service, key: str, sha256: str) -> dict[str, Any]:
    try:
        return dict(orjson.loads(service.files.fetch(key, sha256)))
    except NotFoundError:
        return {}


def _pooled(versions: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name of a coverage → share of all rows that were ever scored, and how many these are."""
    pooled: dict[str, dict[str, Any]] = {}
    for name in sorted({name for item in versions for name in item["metrics"] if name.endswith(LEVELS)}):
        there = [(item["metrics"][name], item["rows"]) for item in versions if name in item["metrics"] and item["rows"]]
        rows = sum(count for _, count in there)
        if rows:
            pooled[name] = {"share": sum(share * count for share, count in there) / rows, "rows": rows}
    return pooled


BASE = f"/v1/products/{MODEL}"
SAID = schema(**VALIDITY, current=bool, withdrawn=str | None, prediction=dict | None, outcome=dict | None)
SCORED = schema(**VALIDITY, rows=int | None, metrics=dict, verdict=str)
ROUTES = (
    Route(
        "GET",
        f"{BASE}/predictions/{RAW}/history",
        history,
        READ,
        "Predictions",
        f"What the last {VERSIONS} versions said of one key, and what happened where it is known",
        answers={200: {JSON_TYPE: schema(model=str, versions=array(SAID))}, 304: {}},
        refusals=(404, 503),
    ),
    Route(
        "GET",
        f"{BASE}/scores",
        scores,
        READ,
        "Products",
        f"How the last {VERSIONS} versions did on what happened, and their coverage taken together",
        answers={200: {JSON_TYPE: schema(model=str, coverage=dict, versions=array(SCORED))}, 304: {}},
        refusals=(404, 503),
    ),
)
