"""Validity, to the second."""

from datetime import UTC, datetime

import orjson
import pandas as pd
import pytest

from posterity.server.served import has_expired, load_served
from posterity.store import ObjectStore
from tests.server.conftest import PAST
from tests.server.process import Server
from tests.server.products import register

LAST_SECOND = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("now", "expired"), [(0, False), (LAST_SECOND, False), (LAST_SECOND + 1, True)])
def test_a_product_expires_when_its_last_day_is_over(
    shared_store: ObjectStore, clean: pd.DataFrame, now: float, expired: bool
) -> None:
    version = register(shared_store, clean, PAST)
    served = load_served(shared_store, version)
    mark = served.mark(now)
    assert version.valid_until == "2026-03-31"
    assert has_expired(version, now) == mark.expired == expired
    assert orjson.loads(mark.opening[:-1] + b"}")["expired"] is expired
    assert dict(mark.headers).get(b"posterity-expired") == (b"true" if expired else None)


def test_a_model_may_refuse_what_has_expired(running: Server) -> None:
    refused = running.get("/v1/products/strict/predictions/a")
    assert (refused.status, refused.json["code"]) == (410, "expired")
    assert "strict/1 was valid until 2026-03-31" in refused.json["error"]
    assert running.get("/v1/products/strict/versions/1/predictions.csv").status == 410
    assert running.get("/v1/products/strict").json["expired"] is True, "what it was can still be looked at"


def test_an_expired_answer_is_another_one(shared_store: ObjectStore, clean: pd.DataFrame) -> None:
    served = load_served(shared_store, register(shared_store, clean, PAST))
    assert served.mark(LAST_SECOND).tag != served.mark(LAST_SECOND + 1).tag
