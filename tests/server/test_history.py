"""What versions said of a key, what happened, and how they did."""

from pathlib import Path

import pandas as pd

from posterity.registry import aliases, retirement
from posterity.store import ObjectStore
from tests.server.conftest import NOW, PAST
from tests.server.process import Server, server
from tests.server.products import OUTCOME, published, register

BASE = "/v1/products/shop"


def test_every_version_tells_what_it_said_and_what_happened(running: Server) -> None:
    said = running.get(f"{BASE}/predictions/b/history").json["versions"]
    assert [(item["version"], item["current"], item["expired"]) for item in said] == [
        (2, True, False),
        (1, False, True),
    ]
    assert [item["as_of"] for item in said] == [NOW, PAST]
    for item in said:
        row = running.get(f"{BASE}/versions/{item['version']}/predictions/b").json["prediction"]
        assert item["prediction"] == row
    assert [item["outcome"] for item in said] == [None, {"shop": "b", "sales": OUTCOME + 1}]


def test_a_version_is_read_from_the_store_without_taking_the_place_of_one_that_is_kept(
    store: ObjectStore, tmp_path: Path
) -> None:
    with server(tmp_path, store.url, server_keep="1") as running:
        running.get(f"{BASE}/predictions/b/history")
        held = [name for name in running.metrics() if name.startswith("posterity_product_memory_bytes")]
        assert {name.partition("version=")[2] for name in held} == {'"2"}'}


def test_scores_are_those_of_each_version_and_of_all_together(running: Server) -> None:
    said = running.get(f"{BASE}/scores").json
    assert [(item["version"], item["rows"], item["metrics"]["crps"]) for item in said["versions"]] == [(1, 6, 0.31)]
    assert said["coverage"] == {
        "coverage_50": {"share": 0.5, "rows": 6},
        "coverage_90": {"share": 0.83, "rows": 6},
    }


def test_coverage_weighs_versions_with_their_rows(store: ObjectStore, clean: pd.DataFrame, tmp_path: Path) -> None:
    scores = {"version": "shop/2", "rows": 18, "metrics": {"coverage_90": 1.0}}
    register(store, clean, "2026-04-30", shift=0.5, parts={"scores": scores})
    with server(tmp_path, store.url) as running:
        said = running.get(f"{BASE}/scores").json
    assert [item["version"] for item in said["versions"]] == [2, 1]
    assert said["coverage"]["coverage_90"] == {"share": (0.83 * 6 + 18) / 24, "rows": 24}


def test_what_was_withdrawn_or_lost_has_no_prediction(store: ObjectStore, clean: pd.DataFrame, tmp_path: Path) -> None:
    third = register(store, clean, "2026-04-30", shift=0.5)
    lost = third.references["product"].key.rpartition("/")[0]
    store.erase(f"{lost}/predictions.parquet")
    retirement.retire(store, "shop", 1, "ada", "wrong prices")
    with server(tmp_path, store.url) as running:
        said = running.get(f"{BASE}/predictions/b/history").json["versions"]
    assert [(item["version"], item["withdrawn"], item["prediction"] is None) for item in said] == [
        (3, None, True),
        (2, None, False),
        (1, "wrong prices", True),
    ]


def test_a_reader_sees_released_versions_alone(store: ObjectStore, clean: pd.DataFrame, tmp_path: Path) -> None:
    register(store, clean, "2026-04-30", shift=0.5)
    tokens = "dashboard:read:r1 boss:read,promote:p1"
    with server(tmp_path, store.url, tokens=tokens) as running:

        def seen(token: str) -> list[int]:
            answer = running.get(f"{BASE}/predictions/b/history", authorization=f"Bearer {token}")
            return [item["version"] for item in answer.json["versions"]]

        assert seen("r1") == [2]
        assert seen("p1") == [3, 2, 1]


def test_a_key_of_the_past_alone_has_a_history(store: ObjectStore, clean: pd.DataFrame, tmp_path: Path) -> None:
    fourth = register(store, clean[clean["shop"] != "f"], "2026-04-30")
    aliases.move(store, "shop", "champion", fourth.number, "tests", "a shop was closed")
    assert "f" not in set(published(store, fourth)["shop"])
    with server(tmp_path, store.url) as running:
        said = running.get(f"{BASE}/predictions/f/history").json["versions"]
        assert [item["prediction"] is None for item in said] == [True, False, False]
        assert running.get(f"{BASE}/predictions/z/history").json["code"] == "unknown_key"
