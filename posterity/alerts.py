"""Alerts to the people who look after a model: on the terminal, in the store, and wherever Apprise can send them."""

import json
import logging
import sys
import time
import warnings
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from posterity.errors import CorruptError
from posterity.settings import Settings
from posterity.store import ObjectStore, digest_json

TERMINAL, FILE = "terminal", "file"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """What is wrong, in a line and in full. `incident` names what it is about: it is reported once per run."""

    title: str
    body: str
    level: Literal["info", "warning", "failure"]
    incident: str


@dataclass(frozen=True)
class Delivery:
    """Where an alert went: the channels that took it and those that did not. `new` is False for an incident that was
    reported before."""

    alert: Alert
    sent: tuple[str, ...]
    failed: tuple[str, ...]
    new: bool = True


def send(alert: Alert, settings: Settings, store: ObjectStore, run: str) -> Delivery:
    """Send `alert` over every channel, once per incident; a channel that is away is recorded, never raised.

    Repeating the call sends it over the channels that did not take it before. The record is written before and after
    each channel, so that a process killed in between leaves at most one channel that gets the alert twice.
    """
    key = f"runs/{run}/alerts/{digest_json(alert.incident)[:16]}.json"
    channels = _channels(settings)
    begun = Delivery(alert, (), tuple(channels))
    found = store.read(key)
    delivery = replace(_parse(key, found[0]), new=False) if found else begun
    if not found:
        _record(store, key, delivery)
        sys.stderr.write(f"ALERT ({alert.level}) {alert.title}\n{alert.body}\n")
        delivery = replace(delivery, sent=(TERMINAL, FILE))
    for name in [name for name in channels if name not in delivery.sent]:
        if _notify(channels[name], delivery.alert):
            failed = tuple(other for other in delivery.failed if other != name)
            delivery = replace(delivery, sent=(*delivery.sent, name), failed=failed)
            _record(store, key, delivery)
    _record(store, key, delivery)
    return delivery


def sent_alerts(store: ObjectStore, run: str) -> list[Delivery]:
    """The alerts of a run and where they went, as they were recorded. Raises CorruptError."""
    return [_parse(key, store.get(key)) for key in store.list(f"runs/{run}/alerts/")]


def _channels(settings: Settings) -> dict[str, str]:
    """Name → Apprise URL. The name tells no more than the scheme, since the rest of a URL may hold a password."""
    urls = settings.alert_urls.split()
    return {f"channel {number} ({url.partition(':')[0]})": url for number, url in enumerate(urls, 1)}


def _record(store: ObjectStore, key: str, delivery: Delivery) -> None:
    store.overwrite(key, json.dumps({"time": time.time(), **asdict(delivery)}).encode())


def _parse(key: str, data: bytes) -> Delivery:
    try:
        facts: dict[str, Any] = json.loads(data)
        return Delivery(Alert(**facts["alert"]), tuple(facts["sent"]), tuple(facts["failed"]), facts["new"])
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptError(f"{key} is not the record of an alert ({error}); delete it and run notify again") from error


def _notify(url: str, alert: Alert) -> bool:
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it writes URLs with their passwords
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Apprise's own code
            return _apprise(url, alert)
    except Exception as error:
        log.warning("an alert channel broke (%s); the alert is kept in the store", type(error).__name__)
        return False


def _apprise(url: str, alert: Alert) -> bool:
    import apprise

    channel = apprise.Apprise()
    if not channel.add(url):
        log.warning("POSTERITY_ALERT_URLS holds a URL that Apprise does not know")
        return False
    kinds = {"info": apprise.NotifyType.INFO, "warning": apprise.NotifyType.WARNING}
    kind = kinds.get(alert.level, apprise.NotifyType.FAILURE)
    return bool(channel.notify(title=alert.title, body=alert.body, notify_type=kind))
