import json
import subprocess
import sys
from pathlib import Path

import pytest

from posterity.alerts import Alert, send, sent_alerts
from posterity.errors import CorruptError
from posterity.settings import Settings
from posterity.store.directory import DirectoryStore
from tests.servers import http_server

ROOT = Path(__file__).parents[1]
DRIFT = Alert("run-1: drift", "carrier AA moved by +0.3 logit (z +5.1, material from 0.1)", "failure", "drift: AA")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def webhook(*servers: object) -> Settings:
    return Settings(alert_urls=" ".join(f"json://{server.url}/hook" for server in servers))


def test_without_channels_it_is_on_the_terminal_and_in_the_store(store, capsys):
    delivery = send(DRIFT, Settings(), store, "run-1")
    assert delivery.sent == ("terminal", "file")
    assert delivery.failed == ()
    assert capsys.readouterr().err == f"ALERT (failure) {DRIFT.title}\n{DRIFT.body}\n"
    assert sent_alerts(store, "run-1") == [delivery]
    assert sent_alerts(store, "run-2") == []


@pytest.mark.parametrize(("level", "kind"), [("info", "info"), ("warning", "warning"), ("failure", "failure")])
def test_a_webhook_gets_title_text_and_level(store, level, kind):
    alert = Alert("run-1: drift", "größer als 0,1 %", level, "x")
    with http_server() as server:
        delivery = send(alert, webhook(server), store, "run-1")
    (body,) = server.bodies
    assert (body["title"], body["message"], body["type"]) == (alert.title, alert.body, kind)
    assert delivery.sent == ("terminal", "file", "channel 1 (json)")


def test_an_incident_is_reported_once_per_run(store, capsys):
    with http_server() as server:
        for text in (DRIFT.body, "the same, told in other words"):
            delivery = send(Alert(DRIFT.title, text, "failure", DRIFT.incident), webhook(server), store, "run-1")
        assert not delivery.new
        assert delivery.failed == ()
        assert send(Alert("other", "…", "failure", "another incident"), webhook(server), store, "run-1").new
        assert send(DRIFT, webhook(server), store, "run-2").new
    assert [body["title"] for body in server.bodies] == [DRIFT.title, "other", DRIFT.title]
    assert capsys.readouterr().err.count("ALERT") == 3


def test_a_channel_that_is_away_is_recorded_and_gets_it_from_the_repetition(store, capsys):
    with http_server() as there, http_server() as broken:
        broken.status = 500
        delivery = send(DRIFT, webhook(there, broken), store, "run-1")
        assert delivery.sent == ("terminal", "file", "channel 1 (json)")
        assert delivery.failed == ("channel 2 (json)",)
        assert sent_alerts(store, "run-1") == [delivery]
        broken.status = 200
        again = send(DRIFT, webhook(there, broken), store, "run-1")
        assert (again.new, again.failed) == (False, ())
        assert set(again.sent) == {"terminal", "file", "channel 1 (json)", "channel 2 (json)"}
    assert (len(there.bodies), len(broken.bodies)) == (1, 2)
    assert capsys.readouterr().err.count("ALERT") == 1


@pytest.mark.parametrize("url", ["json://ada:secret@127.0.0.1:9/", "nonsense://secret", "secret", "json://[secret"])
def test_a_channel_that_is_none_stops_nothing_and_its_password_is_told_nobody(store, url, caplog, capsys):
    caplog.set_level("DEBUG")
    delivery = send(DRIFT, Settings(alert_urls=url), store, "run-1")
    assert len(delivery.failed) == 1
    kept = "".join(store.get(key).decode() for key in store.list("runs/"))
    told = caplog.text + capsys.readouterr().err + kept
    assert "secret" not in told.replace("channel 1 (secret)", "")


KILLED = """
import os, sys
from pathlib import Path
from posterity import alerts
from posterity.settings import Settings
from posterity.store.directory import DirectoryStore
from tests.test_alerts import DRIFT

there = alerts._notify
alerts._notify = lambda url, alert: there(url, alert) if url.endswith("first") else os._exit(9)
alerts.send(DRIFT, Settings(alert_urls=sys.argv[2]), DirectoryStore(Path(sys.argv[1])), "run-1")
"""


def test_killed_between_two_channels_the_repetition_reaches_the_second_only(store):
    with http_server() as server:
        urls = f"json://{server.url}/first json://{server.url}/second"
        killed = subprocess.run([sys.executable, "-c", KILLED, str(store.root), urls], cwd=ROOT, check=False)
        assert killed.returncode == 9
        (halfway,) = sent_alerts(store, "run-1")
        assert halfway.failed == ("channel 2 (json)",)
        assert len(server.bodies) == 1
        delivery = send(DRIFT, Settings(alert_urls=urls), store, "run-1")
    assert (delivery.new, delivery.failed) == (False, ())
    assert len(server.bodies) == 2


def test_a_damaged_record_is_named(store):
    send(DRIFT, Settings(), store, "run-1")
    (key,) = store.list("runs/run-1/alerts/")
    store.overwrite(key, json.dumps({"alert": {}}).encode())
    with pytest.raises(CorruptError, match="runs/run-1/alerts/"):
        sent_alerts(store, "run-1")
