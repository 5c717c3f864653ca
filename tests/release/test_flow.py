"""From runs of the small model through staging, approval and production, on a server and a database of their own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from posterity.errors import RefusedError
from posterity.registry import aliases, versions
from posterity.release import approvals
from posterity.release.decision import decide
from posterity.release.flow import back_to, into_production, try_in_staging
from posterity.release.production import earlier, in_production
from posterity.settings import Settings
from tests.bench import Bench
from tests.release.conftest import Acting
from tests.servers import http_server

BIASED = """
from tests.shop import Shop as Right

class Shop(Right):
    '''Sells more than anybody does.'''

    def predict(self, draws, targets):
        return {"sales": super().predict(draws, targets)["sales"] + MORE}

    def explain(self, draws, targets):
        return {}
"""


class Line(Bench):
    """Runs, each of which ends with a candidate that is tried in staging."""

    def made(self, as_of: str, model: str = ""):
        self.as_of = as_of
        self.model = model or self.model
        self.run(f"run-{as_of}-{Path(self.model).stem}")
        return versions.get(self.store, "shop")

    def biased(self, more: float) -> str:
        path = self.folder / f"biased{int(more)}.py"
        path.write_text(BIASED.replace("MORE", str(more)))
        return f"{path}:Shop"

    @property
    def settings(self) -> Settings:
        return Settings.from_environment()

    def tried(self, version):
        return try_in_staging(self.store, self.settings, version, "test")


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, acting: Acting) -> Line:
    monkeypatch.setenv("POSTERITY_STORE", f"file://{tmp_path}/store")
    monkeypatch.setenv("POSTERITY_REGISTRY", f"sqlite:///{tmp_path}/registry.db")
    monkeypatch.setenv("POSTERITY_DATABASE_URL", f"sqlite:///{tmp_path}/products.db")
    return Line(tmp_path)


def in_database(line: Line) -> set[int]:
    with sa.create_engine(line.settings.database_url).connect() as connection:
        return {row[0] for row in connection.exec_driver_sql("SELECT version FROM shop_current")}


def approve(line: Line, acting: Acting, version) -> None:
    acting.become("bob@lab")
    approvals.approve(line.store, line.settings, version, "report is in order")
    acting.become("ada@lab")


@pytest.mark.slow
def test_a_refresh_flows_a_changed_prior_waits_and_a_worse_one_is_refused(line: Line, acting: Acting) -> None:
    first = line.made("2026-01-31")
    trial, decision = line.tried(first)
    assert trial.passed, trial.summary
    assert decision.waits == "no version of this model is in production yet"
    with pytest.raises(RefusedError, match="waits for an approval"):
        into_production(line.store, line.settings, first)
    assert aliases.current(line.store, "shop", "champion") is None
    approve(line, acting, first)
    assert into_production(line.store, line.settings, first).who == "bob@lab"
    assert in_database(line) == {1}

    refresh = line.made("2026-02-28")
    decision = line.tried(refresh)[1]
    assert (decision.allowed, decision.how, decision.waits) == (True, "refresh", "")
    assert into_production(line.store, line.settings, refresh).how == "refresh"
    assert in_database(line) == {2}

    model, worse = line.model, line.biased(12.0)
    changed = line.made("2026-02-28", worse)
    decision = line.tried(changed)[1]
    assert "no mere refresh of shop/2: code changed" in decision.waits
    scored = line.made("2026-03-31", worse)
    assert not line.tried(scored)[1].allowed
    approve(line, acting, scored)
    with pytest.raises(RefusedError, match="shop/3 was worse than champion shop/2"):
        into_production(line.store, line.settings, scored)
    assert in_database(line) == {2}

    back_to(line.store, line.settings, earlier(line.store, "shop"), "wrong in shop c")
    assert in_database(line) == {1}
    again = line.made("2026-03-31", model)
    assert line.tried(again)[1].how == "refresh"
    assert [move.how for move in in_production(line.store, "shop")] == ["approval", "refresh", "rollback"]


@pytest.fixture
def broken(line: Line) -> Callable[[], object]:
    """A registered version whose stored table has lost a row."""
    import io

    import pandas as pd

    version = line.made("2026-01-31")
    key = version.references["product"].key.replace("product.json", "predictions.parquet")
    table = pd.read_parquet(io.BytesIO(line.store.get(key)))
    line.store.overwrite(key, table.drop(index=2).to_parquet(index=False))
    return lambda: version


def test_a_product_with_a_missing_row_fails_in_staging_and_can_not_be_approved(line, acting, broken, monkeypatch):
    version = broken()
    with http_server() as channel:
        monkeypatch.setenv("POSTERITY_ALERT_URLS", f"json://{channel.url}")
        trial, _ = line.tried(version)
    assert not trial.passed
    assert "does not match its SHA-256" in trial.summary
    assert [body["title"] for body in channel.bodies] == ["shop/1 does not go into production"]
    approve(line, acting, version)
    assert [check.name for check in decide(line.store, line.settings, version).failed] == ["staging"]
    with pytest.raises(RefusedError, match="staging"):
        into_production(line.store, line.settings, version)


@pytest.mark.slow
def test_the_request_names_judges_reasons_and_what_is_different(line, acting, monkeypatch):
    first = line.made("2026-01-31")
    line.tried(first)
    approve(line, acting, first)
    into_production(line.store, line.settings, first)
    changed = line.made("2026-02-28", line.biased(1.0))
    with http_server() as channel:
        monkeypatch.setenv("POSTERITY_ALERT_URLS", f"json://{channel.url}")
        line.tried(changed)
        line.tried(changed)  # asked for once
    assert len(channel.bodies) == 1
    assert channel.bodies[0]["title"] == "shop/2 waits for your approval"
    body = channel.bodies[0]["message"]
    assert "Because it is no mere refresh of shop/1: code changed" in body
    assert "anybody but who asked for it" in body
    assert "data as of 2026-02-28 instead of 2026-01-31" in body
    assert "sales: +" in body
    assert 'posterity approve shop/2 --reason "…"' in body
    assert json.dumps(body).count("posterity report run-2026-02-28-biased1") == 1
