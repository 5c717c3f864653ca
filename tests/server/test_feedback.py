"""What people say is kept as it came, and counted."""

from typing import Any

import pandas as pd
import pytest

from posterity.registry import aliases
from posterity.store import ObjectStore, digest_bytes
from tests.server.process import server
from tests.server.products import register

PATH = "/v1/products/shop/feedback"
GOOD = {"key": "b", "rating": "too low"}


def test_feedback_is_kept_counted_and_shown(store: ObjectStore, clean: pd.DataFrame, tmp_path) -> None:
    register(store, clean, "2026-04-30", shift=0.5)
    for number in (1, 2):
        aliases.move(store, "shop", "champion", number, "tests", "both were current")
    with server(tmp_path, store.url, tokens="ada:read:r1 bob:read,promote:p1") as running:

        def say(body: Any, token: str = "r1") -> int:
            return running.ask("POST", PATH, body, authorization=f"Bearer {token}").status

        assert [say(GOOD), say({"key": "c", "version": 1, "value": 21.5, "comment": "as it was"})] == [201, 201]
        assert say({"key": "c", "version": 3, "rating": "useless"}) == 403  # not released
        assert say({"key": "c", "version": 3, "rating": "useless"}, "p1") == 201
        assert say(GOOD, "none") == 401
        said = running.get(PATH, authorization="Bearer r1").json
    assert said["versions"] == [{"version": 2, "count": 1}, {"version": 1, "count": 1}]
    assert [(item["key"], item["version"], item["value"]) for item in said["newest"]] == [
        (["c"], 1, 21.5),
        (["b"], 2, None),
    ]
    kept = sorted(store.list("feedback/shop/"))
    assert len(kept) == 3
    for key in kept:
        data = store.get(key)
        assert digest_bytes(data) in key
        assert b'"consumer":"bob"' in data or b'"consumer":"ada"' in data


BAD: dict[str, Any] = {
    "no key": {"rating": "too low"},
    "key of another kind": {"key": 7, "rating": "too low"},
    "nothing said": {"key": "b"},
    "blank comment": {"key": "b", "comment": "  "},
    "unknown rating": {"key": "b", "rating": "superb"},
    "rating of another kind": {"key": "b", "rating": ["too low"]},
    "true as a value": {"key": "b", "value": True},
    "text as a value": {"key": "b", "value": "7"},
    "version 0": {**GOOD, "version": 0},
    "version as text": {**GOOD, "version": "2"},
    "long comment": {"key": "b", "comment": "x" * 2001},
    "unknown field": {**GOOD, "who": "me"},
    "a list": [GOOD],
    "no JSON": b"{",
    "infinity": b'{"key": "b", "value": 1e999}',
}


@pytest.mark.parametrize("what", BAD)
def test_feedback_that_makes_no_sense_is_refused(running, what: str) -> None:
    answer = running.ask("POST", PATH, BAD[what])
    assert (answer.status, set(answer.json)) == (400, {"error", "code", "status"})


def test_feedback_is_json_about_a_row_that_is_there(running) -> None:
    assert running.ask("POST", PATH, GOOD, content_type="text/plain").status == 415
    assert running.ask("POST", PATH, {**GOOD, "key": "z"}).json["code"] == "unknown_key"
    assert running.ask("POST", PATH, {**GOOD, "version": 99}).status == 404
    assert running.ask("POST", "/v1/products/none/feedback", GOOD).json["code"] == "unknown_model"
