"""What is measured, and that the documentation says so."""

import os
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from posterity.registry import aliases
from tests.server.conftest import fill
from tests.server.process import Server, server
from tests.test_docs import code, page, rows

SAMPLE = re.compile(r"^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? [^ ]+$")
GENERAL = {"le"}  # of histograms


@pytest.fixture(scope="module")
def exposition(tmp_path_factory: pytest.TempPathFactory, clean: pd.DataFrame) -> str:
    """Of a server that has answered, with a challenger in the shadow."""
    folder = tmp_path_factory.mktemp("measured")
    store = fill(folder, clean)
    aliases.move(store, "shop", "challenger", 1, "tests", "to be compared")
    with server(folder, store.url, products="*@champion *@challenger", shadow_share="100") as running:
        for path in ("/v1/products/shop/predictions/a", "/v1/products/shop/predictions", "/nothing"):
            running.get(path)
        running.ask("POST", "/v1/products/shop/feedback", {"key": "a", "rating": "plausible"})
        compared = b'outcome="compared",version="1"} 1.0'
        return running.until("/metrics", lambda answer: compared in answer.body).body.decode()


def documented() -> dict[str, set[str]]:
    table = rows(page("serving.md"), "metric")
    return {name: set(row[1].replace(",", " ").split()) for row in table for name in code(row[0])}


def test_every_metric_is_documented_and_every_documented_one_is_there(exposition: str) -> None:
    families = set(re.findall(r"^# TYPE (\w+) ", exposition, re.MULTILINE))
    assert families == set(documented())


def test_labels_are_those_documented(exposition: str) -> None:
    known = documented()
    for line in exposition.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.match(line)
            assert match, line
            labels = set(re.findall(r'(\w+)="', match[2] or ""))
            assert labels - GENERAL == known[match[1]], line


def test_names_follow_the_conventions(exposition: str) -> None:
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", exposition, re.MULTILINE):
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|minutes|hours|days|percent|kb|mb)(_|$)", name), name


def test_figures_are_those_of_the_version(exposition: str) -> None:
    for sample in (
        'posterity_gate_rhat_max{model="shop",version="2"} 1.002',
        'posterity_drift_z{group="level",model="shop",version="2"} 1.5',
        'posterity_coverage_ratio{level="0.9",model="shop",version="1"} 0.83',
        'posterity_score{model="shop",score="decision_loss",version="1"} 2.5',
        'posterity_drift_verdict{model="shop",verdict="stable",version="2"} 1.0',
        'posterity_product_rows{model="shop",version="2"} 6.0',
        'posterity_product_expired{model="shop",version="2"} 0.0',
        'posterity_pipeline_last_success_timestamp_seconds{model="shop"} 1.7723448e+09',
        "posterity_product_trouble",
    ):
        assert sample in exposition


def test_what_a_client_invents_makes_no_series_of_its_own(running: Server) -> None:
    def invent(number: int) -> set[str]:
        running.get(f"/invented/{number}")
        running.get(f"/v1/products/invented{number}", posterity_alias=f"invented{number}")
        running.ask(f"INVENTED{number}", "/v1/products")
        return set(running.metrics())

    invent(0)
    before = invent(1)
    for number in range(2, 20):
        after = invent(number)
    assert after == before
    assert not any("invented" in name.lower() for name in after)


def test_a_worker_that_was_killed_leaves_nothing_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from posterity.server.metrics import bury_dead

    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with subprocess.Popen(["true"]) as process:
        gone = process.pid
    for process in (gone, os.getpid()):
        (tmp_path / f"gauge_livesum_{process}.db").touch()
        (tmp_path / f"counter_{process}.db").touch()
    bury_dead()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"gauge_livesum_{os.getpid()}.db", f"counter_{os.getpid()}.db", f"counter_{gone}.db"}
