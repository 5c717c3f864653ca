"""The number of shards that a plan proposes, on this machine and in a pod."""

import json
import time

import pytest

from posterity.runs import RunLog, StageRecord
from posterity.stages import costs
from tests.bench import Bench

MEASURED = {"run": "before", "start": 4.0, "chain": 200.0, "steps": 1000, "cores": 1}


def planned(bench: Bench, run: str) -> tuple[list[str], str]:
    """The shards of a run and its page about the plan."""
    made = bench.run(run, until="plan")
    return made["shards"], bench.store.get(RunLog(bench.store, run).stage("plan").section).decode()


def test_threads_share_the_chains_of_one_machine(bench: Bench) -> None:
    bench.shards = "auto"
    shards, page = planned(bench, "here")
    assert shards == ["0,1,2,3"]
    assert "threads do that better" in page


def test_pods_share_what_an_earlier_run_took_long_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_POD_NAME", "plan-1")
    bench.store.overwrite("models/shop/sampling.json", json.dumps(MEASURED).encode())
    bench.shards = "auto"
    shards, page = planned(bench, "there")
    assert shards == ["0", "1", "2", "3"]  # half the draws: 100 s a chain
    assert "a chain 100 s (measured by run before)" in page
    bench.shards = "2"
    shards, page = planned(bench, "asked")
    assert shards == ["0,2", "1,3"]
    assert "Proposed" not in page


def test_what_nobody_has_measured_is_one_shard_for_independent_draws(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KFP_POD_NAME", "plan-1")
    bench.shards = "auto"
    shards, page = planned(bench, "first")
    assert len(shards) == 1
    assert "No run has been measured yet" in page


def test_a_shard_that_samples_is_measured_and_one_that_resumes_is_not(bench: Bench) -> None:
    bench.shards = "1"
    bench.run("first", until="sample")
    known = json.loads(bench.store.get("models/shop/sampling.json"))
    assert (known["run"], known["steps"]) == ("first", 500)
    assert known["start"] >= 0
    assert known["chain"] > 0
    bench.shards = "2"
    bench.run("second", until="sample")
    assert json.loads(bench.store.get("models/shop/sampling.json")) == known


def test_the_start_of_a_pod_is_the_gap_between_stages() -> None:
    begun = time.time()
    records = [StageRecord(name, "ran", started=begun + at, seconds=2) for name, at in (("a", 0), ("b", 15), ("c", 31))]
    assert costs._pod_seconds(records) == pytest.approx(13.5)
    assert costs._pod_seconds(records[:1]) == 0
