"""What happened, reported to a server, and scored by the next run."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from posterity import reported
from posterity.errors import CorruptError
from posterity.store import ObjectStore
from tests.server.process import Answer, Server, server
from tests.server.products import register

PATH = "/v1/products/shop/actuals"


def tell(running: Server, *entries: dict[str, Any], **more: Any) -> Answer:
    return running.ask("POST", PATH, {"entries": list(entries), **more})


def test_outcomes_are_kept_once_and_counted(store: ObjectStore, tmp_path: Path) -> None:
    with server(tmp_path, store.url) as running:
        entry = {"key": "a", "value": 21.5, "comment": " till was broken "}
        first, again = tell(running, entry), tell(running, entry)
        assert (first.status, first.json["version"], first.json["new"]) == (201, 2, True)
        assert (again.status, again.json["new"], again.json["digest"]) == (201, False, first.json["digest"])
        late = tell(running, {"key": {"shop": "b"}, "value": {"sales": 24}}, {"key": "c", "value": 30}, version=1)
        assert (late.json["version"], late.json["entries"]) == (1, 2), "also about what has expired"
        assert running.get(PATH).json["versions"] == [{"version": 2, "count": 1}, {"version": 1, "count": 2}]
        counted = running.metrics()
        assert counted['posterity_reported_total{kind="actuals",model="shop",version="1"}'] == 2
    (key,) = store.list("actuals/shop/2/")
    said = json.loads(store.get(key))
    assert said["entries"] == [{"key": {"shop": "a"}, "values": {"sales": 21.5}, "comment": "till was broken"}]
    assert said["consumer"] == "anonymous"


def test_shares_come_with_their_number_of_trials(running: Server) -> None:
    good = {"key": "a", "value": {"busy": 0.25, "customers": 40, "sales": 22.0}}
    assert running.ask("POST", "/v1/products/stalls/actuals", {"entries": [good]}).status == 201
    for wrong in ({"busy": 1.5}, {"customers": 2.5}, {"customers": -1}, {"sales": True}, {"sales": None}, {"more": 1}):
        answer = running.ask(
            "POST", "/v1/products/stalls/actuals", {"entries": [{**good, "value": good["value"] | wrong}]}
        )
        assert (answer.status, answer.json["code"]) == (400, "bad_actuals"), wrong


GOOD = {"key": "a", "value": 1.0}
BAD: dict[str, Any] = {
    "no JSON": b"{",
    "a list": [GOOD],
    "no entries": {},
    "empty entries": {"entries": []},
    "entries of another kind": {"entries": ["a"]},
    "an unknown field": {"entries": [GOOD], "who": "me"},
    "an unknown field of an entry": {"entries": [{**GOOD, "when": "now"}]},
    "no key": {"entries": [{"value": 1.0}]},
    "no value": {"entries": [{"key": "a"}]},
    "a key that is not there": {"entries": [GOOD, {**GOOD, "key": "z"}]},
    "a key of another form": {"entries": [{**GOOD, "key": 7}]},
    "another column": {"entries": [{**GOOD, "key": {"store": "a"}}]},
    "a value that is no number": {"entries": [{**GOOD, "value": "many"}]},
    "another quantity": {"entries": [{**GOOD, "value": {"cups": 1}}]},
    "a long comment": {"entries": [{**GOOD, "comment": "x" * 2001}]},
    "a comment of another kind": {"entries": [{**GOOD, "comment": 7}]},
    "version 0": {"entries": [GOOD], "version": 0},
    "version as text": {"entries": [GOOD], "version": "2"},
}


@pytest.mark.parametrize("what", BAD)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(running: Server, what: str) -> None:
    before = running.get(PATH).json
    answer = running.ask("POST", PATH, BAD[what])
    assert (answer.status, set(answer.json)) == (400, {"error", "code", "status"})
    assert running.get(PATH).json == before


def test_reporting_is_for_those_who_score(store: ObjectStore, clean: pd.DataFrame, tmp_path: Path) -> None:
    register(store, clean, "2026-04-30", shift=0.5)
    with server(tmp_path, store.url, tokens="page:read:aaa till:read,score:bbb") as running:
        body = {"entries": [GOOD]}
        assert running.ask("POST", PATH, body, authorization="Bearer aaa").json["code"] == "missing_role"
        assert running.ask("POST", PATH, body, authorization="Bearer bbb").status == 201
        assert (
            running.ask("POST", PATH, {**body, "version": 3}, authorization="Bearer bbb").json["code"] == "not_released"
        )


def test_what_is_known_of_periods_that_are_over_is_gathered(store: ObjectStore, clean: pd.DataFrame) -> None:
    def values(shop: str, sold: float) -> dict[str, Any]:
        return {"key": {"shop": shop}, "values": {"sales": sold}, "comment": ""}

    assert reported.gather(store, "shop", date(2026, 4, 1)).meta["rows"] == 0
    reported.post_actuals(store, "shop", 1, [values("a", 20.0), values("b", 23.0)], "till")
    reported.post_actuals(store, "shop", 1, [values("a", 21.0)], "till")
    reported.post_actuals(store, "shop", 2, [values("c", 9.0)], "till")
    said = {"key": ["a"], "rating": "too low", "comment": "sold out by noon", "received": "2026-04-01T00:00:00+00:00"}
    store.put("feedback/shop/1/one.json", json.dumps(said).encode())
    assert reported.gather(store, "shop", date(2026, 3, 30)).meta["rows"] == 0, "the period is not over"
    reference = reported.gather(store, "shop", date(2026, 3, 31))
    assert reference == reported.gather(store, "shop", date(2026, 4, 1)), "content-addressed"
    found = reported.Reported.of(reference.fetch(store), 1, "2026-03-01", "2026-03-31")
    assert sorted(found.actuals, key=str) == [{"shop": "a", "sales": 21.0}, {"shop": "b", "sales": 23.0}]
    assert (found.ratings, found.comments) == ({"too low": 1}, ["a: sold out by noon"])


def test_what_is_damaged_is_named(store: ObjectStore) -> None:
    store.put("actuals/shop/1/broken.json", b"{}")
    with pytest.raises(CorruptError, match=r"actuals/shop/1/broken\.json is nothing that a server was told"):
        reported.gather(store, "shop", date(2026, 4, 1))
