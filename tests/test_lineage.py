import json
import time
from pathlib import Path

import pytest
from openlineage.client import event_v2, facet_v2
from openlineage.client.serde import Serde

from posterity import lineage
from posterity.lineage import emit, graph, run_event
from posterity.runs import StageError, StageRecord
from posterity.settings import Settings
from posterity.store.directory import DirectoryStore
from tests.registry.examples import a_version
from tests.servers import http_server

COLUMNS = {"carrier": "str", "dep_delay": "float64"}
SNAPSHOT = {"key": "snapshots/a/manifest.json", "sha256": "a" * 64, "kind": "snapshot", "meta": {"columns": COLUMNS}}
DRAWS = [{"key": f"draws/{i}", "sha256": str(i) * 64, "kind": "draws", "meta": {}} for i in (1, 2)]
INGEST = StageRecord(
    "ingest",
    "ran",
    inputs={"model": "flights", "source": "postgresql://ada:secret@db:5432/flights?table=t", "as_of": "2013-03-31"},
    outputs={"snapshot": SNAPSHOT},
)
DIAGNOSE = StageRecord(
    "diagnose",
    "failed",
    inputs={"clean": {"reference": SNAPSHOT}, "draws": [{"reference": part} for part in DRAWS]},
    error=StageError("GateError", "R-hat of a is 1.7", 4, "Traceback …"),
)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def as_the_client_writes(event):
    """The event made again with the classes of the OpenLineage client, which check it, and their schema URLs."""
    run, job = event["run"], event["job"]
    kinds = {
        "parent": lambda run, job: facet_v2.parent_run.ParentRunFacet(
            facet_v2.parent_run.Run(**run), facet_v2.parent_run.Job(**job)
        ),
        "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
        "jobType": facet_v2.job_type_job.JobTypeJobFacet,
        "sourceCode": facet_v2.source_code_job.SourceCodeJobFacet,
        "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
        "schema": lambda fields: facet_v2.schema_dataset.SchemaDatasetFacet(
            [facet_v2.schema_dataset.SchemaDatasetFacetFields(**field) for field in fields]
        ),
    }

    def facets(found):
        return {
            name: kinds[name](**{key: value for key, value in content.items() if not key.startswith("_")})
            for name, content in found.items()
        }

    def datasets(kind, found):
        return [kind(each["namespace"], each["name"], facets=facets(each["facets"])) for each in found]

    facet_v2.set_producer(lineage.PRODUCER)
    made = event_v2.RunEvent(
        eventType=event_v2.RunState[event["eventType"]],
        eventTime=event["eventTime"],
        run=event_v2.Run(run["runId"], facets(run["facets"])),
        job=event_v2.Job(job["namespace"], job["name"], facets(job["facets"])),
        inputs=datasets(event_v2.InputDataset, event["inputs"]),
        outputs=datasets(event_v2.OutputDataset, event["outputs"]),
        producer=lineage.PRODUCER,
    )
    return json.loads(Serde.to_json(made))


def without_empty(value):
    if isinstance(value, dict):
        return {key: without_empty(part) for key, part in value.items() if part not in ({}, [])}
    return [without_empty(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("kind", "record"), [("START", INGEST), ("COMPLETE", INGEST), ("FAIL", DIAGNOSE)])
def test_an_event_is_what_the_client_of_openlineage_would_write(kind, record):
    event = run_event(kind, "s3://bucket/prefix", "run-1", record)
    assert without_empty(as_the_client_writes(event)) == without_empty(json.loads(json.dumps(event)))


def test_an_event_names_datasets_with_schema_and_digest():
    event = run_event("COMPLETE", "s3://bucket/prefix", "run-1", INGEST)
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("s3://bucket/prefix", SNAPSHOT["key"])
    assert output["facets"]["version"]["datasetVersion"] == SNAPSHOT["sha256"]
    assert output["facets"]["schema"]["fields"][1] == {"name": "dep_delay", "type": "float64"}
    assert "def work(context" in event["job"]["facets"]["sourceCode"]["sourceCode"]


def test_lists_of_inputs_are_all_named_and_an_error_is_told():
    event = run_event("FAIL", "file:///store", "run-1", DIAGNOSE)
    assert [each["name"] for each in event["inputs"]] == [SNAPSHOT["key"], "draws/1", "draws/2"]
    assert event["run"]["facets"]["errorMessage"]["message"] == "R-hat of a is 1.7"


def test_events_of_a_stage_share_its_run_and_stages_share_their_parent():
    start, end = (run_event(kind, "file:///s", "run-1", INGEST)["run"] for kind in ("START", "COMPLETE"))
    other = run_event("START", "file:///s", "run-1", DIAGNOSE)["run"]
    foreign = run_event("START", "file:///s", "run-2", INGEST)["run"]
    assert start["runId"] == end["runId"]
    assert len({start["runId"], other["runId"], foreign["runId"]}) == 3
    assert start["facets"]["parent"]["run"] == other["facets"]["parent"]["run"] != foreign["facets"]["parent"]["run"]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("data/flights.csv", ("file", "data/flights.csv")),
        ("file:///data/flights.csv", ("file", "/data/flights.csv")),
        ("s3://bucket/in/flights.parquet", ("s3://bucket", "in/flights.parquet")),
        ("sqlite:///flights.db?table=t", ("sqlite", "/flights.db")),
        ("http://ada:secret@[::1/flights.csv", ("file", "[::1/flights.csv")),
        ("postgresql://ada:secret@db:5432/flights?table=t", ("postgresql://db:5432", "flights")),
    ],
)
def test_a_source_is_named_without_its_password(source, place):
    record = StageRecord("ingest", "running", inputs={"source": source})
    (found,) = run_event("START", "file:///s", "run-1", record)["inputs"]
    assert (found["namespace"], found["name"]) == place
    assert "secret" not in json.dumps(found)


def test_a_source_that_is_not_given_is_no_dataset():
    assert run_event("START", "file:///s", "r", StageRecord("ingest", "running", inputs={"source": ""}))["inputs"] == []


def test_events_are_kept_and_sent(store):
    with http_server() as catalogue:
        settings = Settings(lineage_url=f"http://{catalogue.url}/api/v1/lineage")
        emit("START", store, settings, "run-1", INGEST)
        emit("COMPLETE", store, settings, "run-1", INGEST)
    kept = [json.loads(store.get(f"runs/run-1/lineage/ingest-{kind}.json")) for kind in ("START", "COMPLETE")]
    assert catalogue.bodies == kept


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "ftp://nowhere", "not a url", "http://[::1", "http://127.0.0.1:x"]
)
def test_an_endpoint_that_is_none_stops_nothing(store, url, caplog):
    emit("START", store, Settings(lineage_url=url), "run-1", INGEST)
    assert store.size("runs/run-1/lineage/ingest-START.json")
    assert "the event is kept in the store" in caplog.text


def test_an_endpoint_that_refuses_or_never_answers_stops_nothing(store, caplog, monkeypatch):
    monkeypatch.setattr(lineage, "TIMEOUT", 0.2)
    with http_server() as catalogue:
        settings = Settings(lineage_url=f"http://ada:secret@{catalogue.url}/")
        catalogue.status = 503
        emit("START", store, settings, "run-1", INGEST)
        assert "answered 503" in caplog.text
        catalogue.delay = 2
        begun = time.monotonic()
        emit("COMPLETE", store, settings, "run-1", INGEST)
        assert time.monotonic() - begun < 1.5
    assert "is away" in caplog.text
    assert "secret" not in caplog.text


def test_the_ancestry_of_a_version_leads_from_the_source_to_it(store):
    version = a_version(store, parameters={"source": "s3://ada:secret@bucket/flights.csv"}, number=3)
    nodes, edges = graph(version)
    names = {node["id"] for node in nodes}
    assert names == {*version.references, "source", "version"}
    assert all(set(edge) <= names for edge in edges)
    reached = {"version"}
    for _ in names:
        reached |= {part for part, whole in edges if whole in reached}
    assert reached == names, "everything leads to the version"
    assert not [edge for edge in edges if edge[0] == "version" or edge[1] == "source"]
    by_id = {node["id"]: node for node in nodes}
    assert by_id["source"]["detail"] == "flights.csv"
    assert by_id["version"]["detail"] == "flights/3"
    assert by_id["plan"]["facts"]["sha256"] == version.references["plan"].sha256
    assert "secret" not in json.dumps(nodes)


def test_a_version_without_a_named_source_or_a_drift_check_has_no_loose_edges(store):
    version = a_version(store)
    del version.references["drift"]
    nodes, edges = graph(version)
    names = {node["id"] for node in nodes}
    assert {"source", "drift"}.isdisjoint(names)
    assert all(set(edge) <= names for edge in edges)
