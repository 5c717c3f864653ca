"""OpenLineage events of every stage, and the ancestry of a version.

Events follow https://openlineage.io/spec/2-0-2/OpenLineage.json. They are kept under `runs/<run>/lineage/` and, where
an endpoint is set, sent to it as well. A catalogue that is away never stops a run. They are written as plain JSON: a
shard has no use for the half second that importing the client takes (a test reads them with the client's classes).
"""

import importlib.util
import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from posterity import __version__
from posterity.settings import Settings
from posterity.store import ObjectStore

if TYPE_CHECKING:
    from posterity.registry.versions import Version
    from posterity.runs import StageRecord

PRODUCER = f"urn:posterity:{__version__}"
SPEC = "https://openlineage.io/spec"
NAMESPACE = "posterity"
TIMEOUT = 2.0  # seconds that a catalogue may take to answer; a run waits for it some 25 times

Kind = Literal["START", "COMPLETE", "FAIL"]

FACETS: Mapping[str, str] = {
    "DatasetVersionDatasetFacet": "1-0-1",
    "ErrorMessageRunFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-4",
    "ParentRunFacet": "1-2-0",
    "SchemaDatasetFacet": "1-2-0",
    "SourceCodeJobFacet": "1-0-1",
}
MADE_OF: Mapping[str, tuple[str, ...]] = {
    "snapshot": ("source",),
    "clean": ("snapshot", "code"),
    "features": ("clean", "code"),
    "plan": ("features", "code"),
    "posterior": ("plan",),
    "product": ("posterior", "clean"),
    "scores": ("clean",),
    "drift": ("posterior", "scores"),
    "version": ("product", "scores", "drift"),
}


def emit(kind: Kind, store: ObjectStore, settings: Settings, run: str, record: "StageRecord") -> None:
    """Keep (and send, where an endpoint is set) the event that a stage started, completed or failed.

    Raises UnavailableError when the store is away; whatever ails the endpoint is logged only.
    """
    data = json.dumps(run_event(kind, store.url, run, record)).encode()
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
        "job": {"namespace": NAMESPACE, "name": f"experiment.{record.name}", "facets": _job_facets(record.stage)},
        "inputs": [*_sources(record), *(_dataset(store_url, reference) for reference in _references(record))],
        "outputs": [_dataset(store_url, reference) for reference in record.outputs.values()],
    }


def graph(version: "Version") -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The ancestry of a version: nodes (`id`, `kind`, `detail`, `facts`), and edges from part to whole."""
    nodes = [
        {
            "id": name,
            "kind": name,
            "detail": reference.sha256[:12],
            "facts": {"sha256": reference.sha256, "key": reference.key},
        }
        for name, reference in version.references.items()
    ]
    if source := str(version.parameters.get("source") or ""):
        namespace, name = _place(source)
        facts = {"source": f"{namespace} {name}"}
        nodes.append({"id": "source", "kind": "source", "detail": Path(name).name, "facts": facts})
    nodes.append({"id": "version", "kind": "version", "detail": version.label, "facts": {"run": version.run}})
    there = {node["id"] for node in nodes}
    return nodes, [(part, whole) for whole, parts in MADE_OF.items() for part in parts if {part, whole} <= there]


def _parent(run: str) -> dict[str, Any]:
    identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, run))
    return {"run": {"runId": identifier}, "job": {"namespace": NAMESPACE, "name": "experiment"}}


def _job_facets(stage: str) -> dict[str, Any]:
    job_type = _facet("JobTypeJobFacet", processingType="BATCH", integration="POSTERITY", jobType="TASK")
    code = _source_code(f"posterity.stages.{stage}")
    source = {"sourceCode": _facet("SourceCodeJobFacet", language="python", sourceCode=code)} if code else {}
    return {"jobType": job_type, **source}


def _source_code(module: str) -> str:
    """The text of a module, found without importing it; empty where there is none."""
    try:
        found = importlib.util.find_spec(module)
        return Path(found.origin).read_text() if found and found.origin else ""
    except (ImportError, OSError):
        return ""


def _references(record: "StageRecord") -> list[Mapping[str, Any]]:
    values = [part for value in record.inputs.values() for part in (value if isinstance(value, list) else [value])]
    return [value["reference"] for value in values if isinstance(value, dict) and "reference" in value]


def _sources(record: "StageRecord") -> Iterator[dict[str, Any]]:
    """Where the rows of a stage came from that are not in the store yet."""
    source = record.inputs.get("source")
    if isinstance(source, str) and source:
        namespace, name = _place(source)
        yield {"namespace": namespace, "name": name, "facets": {}}


def _place(source: str) -> tuple[str, str]:
    """Namespace and name of a data source (https://openlineage.io/docs/spec/naming), without user and password."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return "file", source.rpartition("@")[2]
    if not parts.scheme:
        return "file", source
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if host else parts.scheme, parts.path if not host else parts.path.lstrip("/")


def _dataset(store_url: str, reference: Mapping[str, Any]) -> dict[str, Any]:
    facets = {"version": _facet("DatasetVersionDatasetFacet", datasetVersion=reference["sha256"])}
    columns = reference["meta"].get("columns")
    if columns:
        fields = [{"name": name, "type": dtype} for name, dtype in columns.items()]
        facets["schema"] = _facet("SchemaDatasetFacet", fields=fields)
    return {"namespace": store_url, "name": reference["key"], "facets": facets}


def _facet(name: str, **content: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{FACETS[name]}/{name}.json#/$defs/{name}", **content}


def _send(url: str, data: bytes) -> None:
    import urllib3

    log = logging.getLogger(__name__)
    host = url.rpartition("@")[2].removeprefix("http://").partition("/")[0]  # the rest of the URL may hold a password
    try:
        headers = {"Content-Type": "application/json"}
        answer = urllib3.request("POST", url, body=data, headers=headers, timeout=TIMEOUT, retries=False)
        if answer.status >= 300:
            log.warning("lineage endpoint at %s answered %s; the event is kept in the store", host, answer.status)
    except Exception as error:
        log.warning("lineage endpoint at %s is away (%s); the event is kept in the store", host, type(error).__name__)
