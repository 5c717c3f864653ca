"""OpenLineage events of every stage, and the ancestry of a version.

Events follow https://openlineage.io/spec/2-0-2/OpenLineage.json. They are kept under `runs/<run>/lineage/` and, where
an endpoint is set, sent to it as well. A catalogue that is away never stops a run. They are written as plain JSON: a
shard has no use for the half second that importing the client takes (a test reads them with the client's classes).
"""

import json
import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from posterity.settings import Settings
from posterity.store import ObjectStore

if TYPE_CHECKING:
    from posterity.registry.versions import Version
    from posterity.runs import StageRecord

PRODUCER = "https://github.com/posterity/posterity"
SPEC = "https://openlineage.io/spec"
NAMESPACE = "posterity"
TIMEOUT = 5.0  # seconds that a catalogue may take to answer

Kind = Literal["START", "COMPLETE", "FAIL"]


def emit(kind: Kind, store: ObjectStore, settings: Settings, run: str, record: "StageRecord") -> None:
    """Keep (and send, where an endpoint is set) the event that a stage started, completed or failed."""
    event = run_event(kind, store.url, run, record)
    data = json.dumps(event).encode()
    store.overwrite(f"runs/{run}/lineage/{record.name}-{kind}.json", data)
    if settings.lineage_url:
        _send(settings.lineage_url, data)


def run_event(kind: Kind, store_url: str, run: str, record: "StageRecord") -> dict[str, Any]:
    """The event as JSON. The run's identifier is a UUID made of run and stage, the same for all its events."""
    facets: dict[str, Any] = {"parent": _facet("ParentRunFacet", **_parent(run))}
    if record.error:
        message = {"message": record.error.message, "programmingLanguage": "python", "stackTrace": record.error.trace}
        facets["errorMessage"] = _facet("ErrorMessageRunFacet", **message)
    return {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run}/{record.name}")), "facets": facets},
        "job": {"namespace": NAMESPACE, "name": f"experiment.{record.name}", "facets": {}},
        "inputs": [_dataset(store_url, reference) for reference in _input_references(record)],
        "outputs": [_dataset(store_url, reference) for reference in record.outputs.values()],
    }


def graph(version: "Version") -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The ancestry of a version: nodes (`id`, `kind`, `detail`, `facts`), and edges from part to whole."""
    made_of = {
        "snapshot": (),
        "code": (),
        "clean": ("snapshot", "code"),
        "features": ("clean", "code"),
        "plan": ("features", "code"),
        "posterior": ("plan",),
        "product": ("posterior", "clean"),
        "scores": ("clean",),
        "drift": ("posterior", "scores"),
    }
    nodes = [
        {
            "id": name,
            "kind": name,
            "detail": reference.sha256[:12],
            "facts": {"sha256": reference.sha256, "key": reference.key},
        }
        for name, reference in version.references.items()
    ]
    nodes.append({"id": "version", "kind": "version", "detail": version.label, "facts": {"run": version.run}})
    edges = [(source, name) for name, sources in made_of.items() for source in sources if name in version.references]
    return nodes, [*edges, *((name, "version") for name in ("product", "scores", "drift"))]


def _parent(run: str) -> dict[str, Any]:
    identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, run))
    return {"run": {"runId": identifier}, "job": {"namespace": NAMESPACE, "name": "experiment"}}


def _input_references(record: "StageRecord") -> list[Mapping[str, Any]]:
    values = [part for value in record.inputs.values() for part in (value if isinstance(value, list) else [value])]
    return [value["reference"] for value in values if isinstance(value, dict) and "reference" in value]


def _dataset(store_url: str, reference: Mapping[str, Any]) -> dict[str, Any]:
    facets = {"version": _facet("DatasetVersionDatasetFacet", datasetVersion=reference["sha256"])}
    columns = reference["meta"].get("columns")
    if columns:
        fields = [{"name": name, "type": dtype} for name, dtype in columns.items()]
        facets["schema"] = _facet("SchemaDatasetFacet", fields=fields)
    return {"namespace": store_url, "name": reference["key"], "facets": facets}


def _facet(name: str, **content: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{name}.json#/$defs/{name}", **content}


def _send(url: str, data: bytes) -> None:
    import urllib3

    try:
        headers = {"Content-Type": "application/json"}
        answer = urllib3.request("POST", url, body=data, headers=headers, timeout=TIMEOUT, retries=1)
        if answer.status >= 300:
            logging.getLogger(__name__).warning("lineage endpoint %s answered %s", url, answer.status)
    except urllib3.exceptions.HTTPError as error:
        logging.getLogger(__name__).warning(
            "lineage endpoint %s is away (%s); the event is kept in the store", url, error
        )
