"""A local run whose processes are killed: nothing half-written is read, and the repetition gives the same digests."""

import json
import os
import random
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from posterity.runs import ORDER, RunLog
from tests.pipelines.conftest import WAIT, Folder


def wait_for(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.002)


def is_running(log: RunLog, stage: str) -> bool:
    return any(record.stage == stage and record.status == "running" for record in log.stages())


def orchestrator(log: RunLog) -> psutil.Process:
    return psutil.Process(json.loads(log.store.get(f"runs/{log.run}/process.json"))["pid"])


def kill_stages(log: RunLog) -> None:
    for process in orchestrator(log).children(recursive=True):
        os.kill(process.pid, signal.SIGKILL)


def run_and_kill(folder: Folder, name: str, stage: str, kill: Callable[[RunLog], None]) -> str:
    """Run, kill some of it when `stage` has begun, and return what the command said; it asked for a retry."""
    started = folder.start("run", "shop.py:Shop", "--as-of", "2026-02-28", "--source", "sales.csv", "--name", name)
    log = RunLog(folder.store, name)
    wait_for(lambda: is_running(log, stage) or started.poll() is not None, f"{stage} did not begin")
    kill(log)
    said = started.communicate(timeout=WAIT)
    assert started.returncode == 75, said
    return said[1]


@pytest.mark.slow
def test_a_stage_killed_anywhere_changes_no_digest(folder: Folder, empty: Folder) -> None:
    """One run after the other, each killed in a later stage, and then one that is left alone."""
    clock = random.Random()
    for stage in ORDER[:-1]:

        def kill(log: RunLog) -> None:
            time.sleep(clock.uniform(0.0, 0.05))
            kill_stages(log)

        said = run_and_kill(empty, f"killed-{stage}", stage, kill)
        assert "the same command goes on where it was" in said
    done = empty.run("last", "--json")
    assert done.returncode == 0, done.stderr
    assert empty.digests("last") == folder.digests("first")
    assert json.loads(done.stdout)["version"] == "shop/1"


def test_a_killed_orchestrator_is_reported_and_the_same_run_goes_on(folder: Folder, empty: Folder) -> None:
    said = run_and_kill(empty, "again", "check_data", lambda log: orchestrator(log).kill())
    assert said.count("\n") == 1
    assert "was killed" in said
    state = json.loads(empty.command("runs", "--json").stdout)[0]["state"]
    assert state in {"interrupted", "running"}
    done = empty.run("again", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["state"] == "done"
    assert facts["stages"]["ingest"]["status"] == "reused"
    assert empty.digests("again") == folder.digests("first")


def test_a_run_stopped_by_hand_leaves_no_process(empty: Folder) -> None:
    started = empty.start("run", "shop.py:Shop", "--as-of", "2026-02-28", "--source", "sales.csv", "--name", "stopped")
    log = RunLog(empty.store, "stopped")
    wait_for(lambda: is_running(log, "check_data"), "check_data did not begin")
    below = [*orchestrator(log).children(recursive=True), orchestrator(log)]
    started.send_signal(signal.SIGTERM)
    said = started.communicate(timeout=WAIT)
    assert started.returncode == 130, said
    assert "goes on where" in said[1]
    assert psutil.wait_procs(below, timeout=10)[1] == []
    assert log.state() == "interrupted"
