"""Champion and challenger side by side."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from posterity import Draws
from posterity.model.contract import Quantity
from posterity.registry import aliases, versions
from posterity.server.challenge import FARTHEST, differences
from posterity.store import ObjectStore, open_store
from tests.server.process import Server, server
from tests.server.products import published, register, sales
from tests.server.test_tokens import TOKENS, bearer
from tests.shop import Shop

from .conftest import NOW, PAST

BOTH = "*@champion *@challenger"
SHOPS = [f"s{number:03d}" for number in range(200)]
SHIFT = 1.5
BESIDE = {"posterity_alias": "challenger"}


class Chain(Shop):
    """Many shops."""

    name = "chain"


class Gaps(Shop):
    """Its challenger knows some of the shops only."""

    name = "gaps"


class Sound(Shop):
    """Its challenger is broken."""

    name = "fragile"


class Fragile(Shop):
    """It fails on single rows."""

    name = "fragile"

    def predict(self, draws: Draws, targets: pd.DataFrame) -> Mapping[str, Any]:
        1 / (len(targets) - 1)
        return super().predict(draws, targets)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    """chain: 1 and, shifted, 2; gaps: 1 and, of fewer shops, 2; shop: 1 and, expired, 2; fragile: 1 and, failing, 2;
    each the champion and the challenger."""
    folder = tmp_path_factory.mktemp("sides")
    store = open_store(f"file://{folder}/store")
    clean = sales(folder, PAST)
    many = pd.concat([clean[clean["shop"] == "a"].assign(shop=name) for name in SHOPS], ignore_index=True)
    for made, model in ((many, Chain()), (clean, Gaps()), (clean, Shop()), (clean, Sound())):
        register(store, made, NOW, model)
    register(store, many, NOW, Chain(), shift=SHIFT)
    register(store, clean[clean["shop"].isin(list("abc"))], NOW, Gaps())
    register(store, clean, PAST)
    register(store, clean, NOW, Fragile(), shift=SHIFT)
    for model in ("chain", "gaps", "shop", "fragile"):
        aliases.move(store, model, "champion", 1, "tests", "first")
        aliases.move(store, model, "challenger", 2, "tests", "to be compared")
    return store


@pytest.fixture(scope="module")
def beside(sides: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("beside")
    with server(folder, sides.url, products=BOTH, challenger_share="30", server_workers="2") as running:
        yield running


@pytest.fixture(scope="module")
def replaced(sides: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The challenger answers whatever it can."""
    with server(tmp_path_factory.mktemp("replaced"), sides.url, products=BOTH, challenger_share="100") as running:
        yield running


@pytest.fixture(scope="module")
def shadowed(sides: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("shadowed"), sides.url, products=BOTH, shadow_share="100") as running:
        yield running


def version_of(running: Server, key: str, what: str = "", **headers: str) -> int:
    answer = running.get(f"/v1/products/chain/predictions/{key}{what}", **headers)
    number = answer.json["version"]
    assert answer.headers["posterity-version"] == f"chain/{number}"
    return int(number)


def infer(key: str, **more: object) -> dict[str, object]:
    return {"inputs": [{"name": "shop", "shape": [1], "datatype": "BYTES", "data": [key]}], **more}


def test_a_header_chooses(beside: Server) -> None:
    for key in SHOPS[:10]:
        assert version_of(beside, key, **BESIDE) == 2
        assert version_of(beside, key, posterity_alias="champion") == 1
    for path in ("", "/predictions", "/search?q=s001", "/predictions.csv"):
        for name, number in (("champion", "1"), ("challenger", "2")):
            answer = beside.get(f"/v1/products/chain{path}", posterity_alias=name)
            assert (answer.status, answer.headers["posterity-version"]) == (200, f"chain/{number}")
    scored = beside.ask("POST", "/v2/models/chain/infer", infer("s001"), **BESIDE)
    assert scored.json["model_version"] == "2"


def test_pages_stay_with_the_version_of_the_first(beside: Server) -> None:
    page = beside.get("/v1/products/chain/predictions?limit=150", **BESIDE)
    following = beside.get(page.json["next"])
    assert page.json["version"] == following.json["version"] == 2


def test_feedback_is_about_the_version_that_is_meant(beside: Server) -> None:
    said = {"key": "s001", "rating": "plausible"}
    assert beside.ask("POST", "/v1/products/chain/feedback", said, **BESIDE).json["version"] == 2
    assert beside.ask("POST", "/v1/products/chain/feedback", said).json["version"] == 1
    assert beside.ask("POST", "/v1/products/chain/feedback", {**said, "version": 1}, **BESIDE).json["version"] == 1


def test_a_header_that_chooses_nothing_is_told(beside: Server, running: Server) -> None:
    wrong = beside.get("/v1/products/chain/predictions/s001", posterity_alias="baseline")
    assert (wrong.status, wrong.json["code"]) == (400, "unknown_alias")
    none = running.get("/v1/products/shop/predictions/a", **BESIDE)
    assert (none.status, none.json["code"]) == (404, "no_challenger")
    assert running.get("/v1/products/shop/predictions/a", posterity_alias="champion").status == 200


def test_a_share_of_the_keys_is_answered_by_the_challenger_always_the_same(beside: Server, replaced: Server) -> None:
    first = {key: version_of(beside, key) for key in SHOPS}
    assert 30 < Counter(first.values())[2] < 90, "60 are expected, and four standard deviations are 26"
    assert {key: version_of(beside, key) for key in SHOPS} == first, "by either worker"
    for key in SHOPS[:20]:
        assert version_of(beside, key, "/distribution") == version_of(beside, key, "/contributions") == first[key]
    assert {version_of(replaced, key) for key in SHOPS[:20]} == {2}
    asked = [beside.ask("POST", "/v2/models/chain/infer", infer("s001", id=str(number))) for number in range(60)]
    assert set(Counter(answer.json["model_version"] for answer in asked)) == {"1", "2"}


def test_tables_and_what_is_said_of_the_product_are_the_champions(replaced: Server) -> None:
    for path in ("", "/predictions", "/search?q=s001", "/predictions.parquet"):
        assert replaced.get(f"/v1/products/chain{path}").headers["posterity-version"] == "chain/1"


def test_the_champion_answers_what_the_challenger_cannot(replaced: Server) -> None:
    base = "/v1/products/gaps/predictions"
    said = {key: replaced.get(f"{base}/{key}").json["version"] for key in "abcdef"}
    assert said == {"a": 2, "b": 2, "c": 2, "d": 1, "e": 1, "f": 1}
    assert replaced.get(f"{base}/z").status == 404
    assert replaced.get("/v1/products/shop/predictions/a").json["version"] == 1, "the challenger has expired"
    fails = replaced.ask("POST", "/v2/models/fragile/infer", infer("a"), **BESIDE)
    assert fails.status == 500
    assert replaced.ask("POST", "/v2/models/fragile/infer", infer("a")).json["model_version"] == "1"
    counted = replaced.metrics()
    for model, outcome, count in (
        ("gaps", "answered", 3),
        ("gaps", "refused", 4),
        ("shop", "refused", 1),
        ("fragile", "refused", 1),
    ):
        assert counted[f'posterity_challenges_total{{model="{model}",outcome="{outcome}",version="2"}}'] == count


def test_time_is_counted_by_version(beside: Server) -> None:
    for number in (1, 2):
        beside.get(f"/v1/products/chain/versions/{number}/predictions/s001")
    route = "/v1/products/{model}/versions/{version}/predictions/{key}"
    until = beside.until("/metrics", lambda answer: answer.body.count(f'route="{route}",version='.encode()) == 4)
    assert until.status == 200


def test_in_the_shadow_the_champion_answers_and_the_difference_is_measured(
    shadowed: Server, sides: ObjectStore
) -> None:
    asked = SHOPS[:12]
    assert {version_of(shadowed, key) for key in asked} == {1}
    scored = shadowed.ask("POST", "/v2/models/chain/infer", infer("s150"))
    assert scored.json["model_version"] == "1"
    where = 'challenger="2",model="chain",quantity="sales",version="1"'
    shadowed.until("/metrics", lambda answer: f"difference_count{{{where}}} 13.0".encode() in answer.body)
    counted = shadowed.metrics()
    assert counted['posterity_challenges_total{model="chain",outcome="compared",version="2"}'] == 13
    before, now = (published(sides, versions.at(sides, "chain", number)).set_index("shop") for number in (1, 2))
    apart = (now["sales_mean"] - before["sales_mean"]).abs() / before["sales_sd"]
    expected = float(apart[[*asked, "s150"]].clip(upper=FARTHEST).sum())
    assert counted[f"posterity_shadow_difference_sum{{{where}}}"] == pytest.approx(expected)
    assert expected > 13 * 0.5


def test_a_challenger_that_cannot_answer_in_the_shadow_is_counted(shadowed: Server) -> None:
    assert shadowed.get("/v1/products/gaps/predictions/f").json["version"] == 1
    shadowed.until("/metrics", lambda answer: b'model="gaps",outcome="failed",version="2"} 1.0' in answer.body)


def test_a_challenger_may_be_read_by_those_who_read(store: ObjectStore, tmp_path: Path) -> None:
    """From the moment that it is one, though the champion stays."""
    with server(tmp_path, store.url, products=BOTH, tokens=TOKENS) as running:
        path, token = "/v1/products/shop/versions/1/predictions/a", bearer("aaa")
        assert running.get(path, **token).status == 403
        aliases.move(store, "shop", "challenger", 1, "tests", "to be compared")
        running.until("/metrics", lambda answer: b'role="challenger",version="1"' in answer.body)
        assert running.get(path, **token).status == 200


def test_a_challenger_that_becomes_the_champion_is_none_any_more(store: ObjectStore, tmp_path: Path) -> None:
    aliases.move(store, "shop", "challenger", 1, "tests", "to be compared")
    with server(tmp_path, store.url, products=BOTH, challenger_share="100") as running:
        path = "/v1/products/shop/predictions/a"
        assert running.get(path, **BESIDE).json["version"] == 1
        aliases.move(store, "shop", "champion", 1, "tests", "it won")
        running.until(path, lambda answer: answer.json["version"] == 1)
        assert running.get(path, **BESIDE).json["code"] == "no_challenger"
        assert not any('role="challenger"' in name for name in running.metrics())


def test_differences_are_in_standard_deviations_and_bounded() -> None:
    quantities = (Quantity("sales", "items"), Quantity("visits", "people"))
    champion = {"sales_mean": [1.0, 2.0, 3.0, None], "sales_sd": [0.5, 0.0, 0.0, 1.0], "visits_mean": [1.0]}
    challenger = {"sales_mean": [2.0, 2.0, 3.1, 1.0], "visits_mean": [2.0]}
    assert differences(quantities, champion, challenger) == {"sales": [2.0, 0.0, FARTHEST]}
