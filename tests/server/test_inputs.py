"""The rows that were scored last, held against what the model was trained on."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posterity.server import inputs
from posterity.server.inputs import LAST, VERSIONS, Seen
from tests.server.process import Server, server

STALLS = ("stalls", "1")
SAMPLE = re.compile(r'posterity_infer_input_(\w+)\{column="(\w+)",model="(\w+)"')


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def scoring(shared_store: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("scoring"), shared_store.url, server_workers="2") as running:
        yield running


def ask(running: Server, model: str, shops: list[str]) -> None:
    tensor = {"name": "shop", "shape": [len(shops)], "datatype": "BYTES", "data": shops}
    assert running.ask("POST", f"/v2/models/{model}/infer", {"inputs": [tensor]}).status == 200


def told(running: Server, model: str, rows: int) -> dict[str, float]:
    """The metrics of a model's inputs, once they are about so many rows."""
    mark = f'posterity_infer_rows{{model="{model}",version="{"2" if model == "shop" else "1"}"}} {rows:.1f}'
    running.until("/metrics", lambda answer: mark.encode() in answer.body)
    matches = ((SAMPLE.match(name), value) for name, value in running.metrics().items())
    return {f"{found[1]} {found[2]}": value for found, value in matches if found and found[3] == model}


def test_rows_like_those_of_the_training_have_not_drifted(scoring: Server) -> None:
    for _ in range(10):
        ask(scoring, "stalls", list("abcdef") * 5)
    assert told(scoring, "stalls", 300) == {
        "effect shop": pytest.approx(0, abs=1e-6),
        "effect customers": pytest.approx(0, abs=1e-6),
        "drifted shop": 0,
        "drifted customers": 0,
    }


def test_rows_of_one_key_alone_have_drifted_by_whichever_worker_they_were_scored(scoring: Server) -> None:
    for _ in range(3):
        ask(scoring, "shop", ["a"] * 30)
    assert told(scoring, "shop", 90) == {}, "they are too few to tell"
    for _ in range(17):
        ask(scoring, "shop", ["a"] * 30)
    found = told(scoring, "shop", 600)
    assert found["drifted shop"] == 1
    assert found["effect shop"] > 0.5


def columns(values: list[float]) -> dict[str, np.ndarray[Any, Any]]:
    return {"x": np.array(values), "name": np.array(["a"] * len(values), dtype=object)}


def test_the_last_rows_are_kept_and_written_once(folder: Path) -> None:
    seen = Seen()
    seen.add(STALLS, columns([1.0, 2.0]))
    seen.add(STALLS, columns([float(number) for number in range(LAST - 1)]))
    inputs.write(seen.take())
    assert seen.take() == {}, "nothing is new"
    rows = inputs.gathered(STALLS)
    assert len(rows) == LAST
    assert rows["x"].iloc[:2].tolist() == [2.0, 0.0]
    assert inputs.gathered(("stalls", "11")).empty


def test_a_model_may_have_any_name(folder: Path) -> None:
    for name in ("a@b/c.d", "[x]*"):
        seen = Seen()
        seen.add((name, "1"), columns([1.0]))
        inputs.write(seen.take())
        assert len(inputs.gathered((name, "1"))) == 1


def test_rows_of_workers_that_are_gone_do_not_count(folder: Path) -> None:
    seen = Seen()
    seen.add(STALLS, columns([1.0]))
    inputs.write(seen.take())
    (path,) = folder.iterdir()
    with subprocess.Popen("true") as gone:
        pass
    path.rename(folder / f"inputs@stalls@1@{gone.pid}")
    assert inputs.gathered(STALLS).empty


def test_memory_is_bounded(folder: Path) -> None:
    seen = Seen()
    for number in range(VERSIONS + 3):
        seen.add(("stalls", str(number)), columns([1.0]))
    assert len(seen.take()) == VERSIONS
