"""What runs leave in the store, and how others read it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from posterity.errors import DataTestError, NotFoundError, SettingsError
from posterity.runs import ORDER, RunLog, StageError, StageRecord, Status, list_runs
from posterity.store import ObjectStore, open_store


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path}")


def left(store: ObjectStore, **stages: Status) -> RunLog:
    log = RunLog(store, "r")
    for stage, status in stages.items():
        error = StageError.of(DataTestError("too few rows")) if status == "failed" else None
        log.write(StageRecord(stage, status, error=error))
    return log


@pytest.mark.parametrize(
    ("stages", "state"),
    [
        ({}, "not ended"),
        ({"ingest": "ran"}, "not ended"),
        ({"ingest": "failed", "notify": "ran"}, "failed in ingest"),
        ({"ingest": "ran", "check_data": "running", "notify": "ran"}, "killed in check_data"),
        ({"plan": "ran", "sample": "ran", "notify": "ran"}, "stopped after sample"),
        ({"notify": "ran"}, "stopped before its first stage"),
        ({"register": "reused", "notify": "ran"}, "done"),
        ({"register": "ran", "notify": "running"}, "not ended"),
    ],
)
def test_the_state_of_a_run(store: ObjectStore, stages: dict[str, Status], state: str) -> None:
    assert left(store, **stages).state() == state


def test_a_local_run_is_running_while_its_process_is(store: ObjectStore) -> None:
    log = left(store, ingest="running")
    log.claim()
    assert log.state() == "running"
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    facts = json.loads(store.get("runs/r/process.json")) | {"pid": int(ended.stdout)}
    store.overwrite("runs/r/process.json", json.dumps(facts).encode())
    assert log.state() == "interrupted"
    store.overwrite("runs/r/process.json", json.dumps({"host": "elsewhere", "pid": os.getpid()}).encode())
    assert log.state() == "not ended"


def test_records_come_in_the_order_of_the_pipeline_and_shards_apart(store: ObjectStore) -> None:
    log = RunLog(store, "r")
    for stage in reversed(ORDER):
        log.write(StageRecord(stage, "ran"))
    log.write(StageRecord("sample", "ran", part="0,2"))
    names = [record.name for record in log.stages()]
    assert [name for name in names if name != "sample.0,2"] == list(ORDER)
    assert names.index("sample.0,2") == names.index("sample") + 1


def test_the_error_of_a_stage_is_kept_with_its_exit_code(store: ObjectStore) -> None:
    failed = left(store, ingest="ran", check_data="failed").failure
    assert failed
    assert failed.error
    assert (failed.stage, failed.error.kind, failed.error.exit_code) == ("check_data", "DataTestError", 3)
    assert "DataTestError: too few rows" in failed.error.trace


def test_runs_are_listed_from_the_newest_on(store: ObjectStore) -> None:
    for name in "cab":
        RunLog(store, name).begin({"as_of": "2026-02-28"}, "by hand")
    RunLog(store, "c").begin({"as_of": "another"}, "repeated")
    assert [facts["run"] for facts in list_runs(store)] == ["b", "a", "c"]
    assert [facts["run"] for facts in list_runs(store, last=2)] == ["b", "a"]
    assert RunLog(store, "c").facts()["cause"] == "by hand", "what began a run stays"


def test_listing_the_newest_reads_no_other(store: ObjectStore, tmp_path: Path) -> None:
    for number in range(30):
        RunLog(store, f"r{number}").begin({}, "by hand")
    for number in range(28):
        (tmp_path / "runs" / f"r{number}" / "run.json").write_text("not JSON")
    assert [facts["run"] for facts in list_runs(store, last=2)] == ["r29", "r28"]


def test_a_run_killed_while_it_began_is_left_out(store: ObjectStore) -> None:
    RunLog(store, "whole").begin({}, "by hand")
    RunLog(store, "half").begin({}, "by hand")
    store.delete("runs/half/run.json")
    assert [facts["run"] for facts in list_runs(store)] == ["whole"]


def test_another_attempt_starts_with_empty_records(store: ObjectStore) -> None:
    log = left(store, ingest="failed")
    log.begin({"seed": 1, "sampler": {"draws": 100}}, "by hand")
    log.report_progress("sample", {"done": 1})
    log.repeat({"seed": 1, "sampler": {"draws": 100}})
    assert log.stages() == []
    assert log.progress() == {}
    with pytest.raises(SettingsError, match="another seed"):
        log.repeat({"seed": 2, "sampler": {"draws": 100}})


def test_what_is_not_there_is_named(store: ObjectStore) -> None:
    with pytest.raises(NotFoundError, match=r"no run 'r'.*posterity runs"):
        RunLog(store, "r").facts()
    log = left(store, ingest="ran")
    with pytest.raises(NotFoundError, match="'plan'; it has ingest"):
        log.stage("plan")
    with pytest.raises(NotFoundError, match="no output 'clean'; it has none"):
        log.stage("ingest").output("clean")


def test_parameters_are_those_it_was_started_with_or_its_stages_were_given(store: ObjectStore) -> None:
    log = RunLog(store, "r")
    log.write(StageRecord("plan", "ran", inputs={"seed": 3, "chains": 4, "clean": {"reference": {}}}))
    log.write(StageRecord("sample", "ran", part="0", inputs={"shard": "0", "model": "elsewhere"}))
    assert log.parameters() == {"seed": 3, "chains": 4}
    log.begin({"seed": 1, "as_of": "2026-02-28"}, "by hand")
    assert log.parameters() == {"seed": 1, "chains": 4, "as_of": "2026-02-28"}
