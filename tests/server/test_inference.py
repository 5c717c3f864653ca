"""Scoring new keys with a running server."""

import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from posterity.registry import aliases, versions
from posterity.store import ObjectStore
from tests.server.conftest import NOW
from tests.server.process import Answer, Server, server
from tests.server.products import published, register
from tests.stalls import Stalls

HERE = "/v2/models/stalls"


def tensor(name: str, values: list[Any], kind: str = "BYTES") -> dict[str, Any]:
    return {"name": name, "shape": [len(values)], "datatype": kind, "data": values}


def infer(running: Server, *inputs: dict[str, Any], path: str = HERE, **more: Any) -> Answer:
    return running.ask("POST", f"{path}/infer", {"inputs": list(inputs), **more})


def outputs(answer: Answer) -> dict[str, list[float]]:
    assert answer.status == 200, answer.body
    return {item["name"]: item["data"] for item in answer.json["outputs"]}


def test_published_keys_get_the_published_numbers(running: Server, shared_store: ObjectStore) -> None:
    rows = published(shared_store, versions.get(shared_store, "stalls/1"))
    answer = infer(running, tensor("shop", rows["shop"].tolist()), id="42")
    for name, values in outputs(answer).items():
        assert values == rows[name].tolist()
    said = answer.json
    assert (said["model_name"], said["model_version"], said["id"]) == ("stalls", "1", "42")
    assert answer.headers["posterity-validity"].endswith(f"valid-until={said['parameters']['valid_until']}")
    assert said["outputs"][0] | {"data": []} == {"name": "busy_mean", "shape": [6], "datatype": "FP64", "data": []}


def test_new_keys_quantiles_thresholds_and_some_outputs(running: Server) -> None:
    new = (tensor("shop", ["new", "a"]), tensor("customers", [50, 50], "INT64"))
    found = outputs(infer(running, *new, parameters={"quantiles": "0.1, 0.9", "threshold": 0.5, "threshold.sales": 30}))
    assert {"busy_q10", "busy_q90", "busy_exceeds", "sales_exceeds"} <= set(found)
    assert "busy_q50" not in found
    assert all(0 <= share <= 1 for share in found["busy_exceeds"] + found["sales_exceeds"])
    assert found["sales_sd"][0] > found["sales_sd"][1]
    only = outputs(infer(running, *new, outputs=[{"name": "sales_mean"}], parameters={"quantiles": [0.5]}))
    assert list(only) == ["sales_mean"]


@pytest.mark.parametrize(
    ("inputs", "more", "status", "code"),
    [
        ([tensor("shop", ["new"])], {}, 400, "refused"),
        ([tensor("customers", [3], "INT64")], {}, 400, "refused"),
        ([tensor("shop", ["a"]), tensor("colour", ["red"])], {}, 400, "refused"),
        ([tensor("shop", ["a"]), tensor("customers", [1, 2], "INT64")], {}, 400, "refused"),
        ([tensor("shop", ["a"]), tensor("customers", [-1], "INT64")], {}, 400, "refused"),
        ([tensor("shop", [1], "INT64")], {}, 400, "refused"),
        ([tensor("shop", ["a"])], {"parameters": {"temperature": 1}}, 400, "bad_input"),
        ([tensor("shop", ["a"])], {"parameters": {"threshold.nothing": 1}}, 400, "bad_input"),
        ([tensor("shop", ["a"])], {"parameters": {"threshold": "high"}}, 400, "bad_input"),
        ([tensor("shop", ["a"])], {"parameters": {"threshold": True}}, 400, "bad_input"),
        ([tensor("shop", ["a"])], {"parameters": {"quantiles": "0,1"}}, 400, "bad_input"),
        ([tensor("shop", ["a"])], {"parameters": {"quantiles": []}}, 400, "bad_input"),
        ([tensor("shop", ["a"])], {"parameters": {"quantiles": {}}}, 400, "bad_input"),
        ([tensor("shop", ["a"])], {"outputs": [{"name": "median"}]}, 400, "bad_input"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_the_one_shape(
    running: Server, inputs: list[dict[str, Any]], more: dict[str, Any], status: int, code: str
) -> None:
    answer = infer(running, *inputs, **more)
    assert (answer.status, answer.json["code"]) == (status, code), answer.json
    assert set(answer.json) == {"error", "code", "status"}


def test_a_category_without_a_rule_is_refused_by_name(running: Server) -> None:
    answer = infer(running, tensor("shop", ["new"]), path="/v2/models/shop")
    assert (answer.status, answer.json["code"]) == (400, "refused")
    assert "has no 'new'" in answer.json["error"]


def test_a_body_that_is_too_large_is_refused(running: Server) -> None:
    answer = running.ask("POST", f"{HERE}/infer", b" " * (17 << 20))
    assert (answer.status, answer.json["code"]) == (413, "too_large")


def test_metadata_and_readiness_are_those_of_the_protocol(running: Server) -> None:
    said = running.get(HERE).json
    assert (said["name"], said["versions"], said["platform"]) == ("stalls", ["1"], "posterity_draws")
    assert said["inputs"] == [
        {"name": "shop", "datatype": "BYTES", "shape": [-1]},
        {"name": "customers", "datatype": "INT64", "shape": [-1]},
    ]
    assert {"name": "busy_mean", "datatype": "FP64", "shape": [-1]} in said["outputs"]
    for path in (f"{HERE}/ready", f"{HERE}/versions/1/ready"):
        assert running.get(path).json == {"name": "stalls", "ready": True}
    assert running.get("/v2/models/nothing").status == 404
    assert running.get(f"{HERE}/versions/9/ready").status == 404


def test_a_model_that_cannot_score_says_why(running: Server) -> None:
    mute = "/v2/models/mute"
    for answer in (running.get(mute), running.get(f"{mute}/ready"), infer(running, tensor("shop", ["a"]), path=mute)):
        assert (answer.status, answer.json["code"]) == (404, "no_infer")
        assert answer.json["error"] == "mute/1 cannot score new keys here: it needs PyMC"
    assert running.get("/v1/products/mute/predictions/a").status == 200, "its predictions can be read all the same"


def test_draws_are_counted_once_they_are_in_memory(running: Server) -> None:
    infer(running, tensor("shop", ["a"]))
    metrics = running.metrics()
    assert metrics['posterity_product_memory_bytes{model="stalls",part="draws",version="1"}'] > 6 * 1000 * 8
    assert metrics['posterity_answers_total{model="stalls",route="/v2/models/{model}/infer",version="1"}'] >= 1


def test_requests_at_once_get_each_their_own_answer(running: Server) -> None:
    shops = list("abcdef") * 8
    alone = {shop: outputs(infer(running, tensor("shop", [shop]))) for shop in "abcdef"}
    found: dict[int, Answer] = {}

    def ask(place: int) -> None:
        wrong = place % 7 == 3
        found[place] = infer(running, tensor("shop", ["unheard of" if wrong else shops[place]]), path=HERE)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(shops))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, shop in enumerate(shops):
        if place % 7 == 3:
            assert found[place].status == 400
        else:
            assert outputs(found[place]) == alone[shop]


def test_versions_with_different_code_score_beside_each_other(
    store: ObjectStore, clean: pd.DataFrame, tmp_path: Path
) -> None:
    register(store, clean, NOW, Stalls())
    register(store, clean, NOW, Stalls(), shift=5.0)
    aliases.move(store, "stalls", "champion", 2, "tests", "newest")
    with server(tmp_path, store.url) as running:
        both = [
            outputs(infer(running, tensor("shop", ["a"]), path=f"{HERE}/versions/{number}"))["sales_mean"][0]
            for number in (1, 2, 1, 2)
        ]
        assert both[:2] == both[2:]
        assert both[1] - both[0] == pytest.approx(5.0)
