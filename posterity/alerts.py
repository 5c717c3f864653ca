"""Alerts to the people who look after a model: on the terminal, in the store, and wherever Apprise can send them."""

import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from posterity.settings import Settings
from posterity.store import ObjectStore, digest_json


@dataclass(frozen=True)
class Alert:
    """What is wrong, in a line and in full. `incident` names what it is about: it is reported once per run."""

    title: str
    body: str
    level: str  # info, warning or failure
    incident: str


@dataclass(frozen=True)
class Delivery:
    """Where an alert went: the channels that took it and those that did not."""

    alert: Alert
    sent: tuple[str, ...]
    failed: tuple[str, ...]
    new: bool = True


def send(alert: Alert, settings: Settings, store: ObjectStore, run: str) -> Delivery:
    """Send `alert` over every channel, once per incident. A channel that is away is recorded, never raised."""
    key = f"runs/{run}/alerts/{digest_json(alert.incident)[:16]}.json"
    if store.size(key) is not None:
        return Delivery(alert, (), (), new=False)
    sys.stderr.write(f"ALERT ({alert.level}) {alert.title}\n{alert.body}\n")
    sent: list[str] = ["terminal"]
    failed: list[str] = []
    for number, url in enumerate(settings.alert_urls.split()):
        name = f"channel {number + 1} ({url.partition(':')[0]})"  # the rest of the URL may hold a password
        (sent if _notify(url, alert) else failed).append(name)
    delivery = Delivery(alert, (*sent, "file"), tuple(failed))
    store.put(key, json.dumps({"time": time.time(), **asdict(delivery)}).encode())
    return delivery


def sent_alerts(store: ObjectStore, run: str) -> Sequence[dict[str, object]]:
    """The deliveries of a run, as they were recorded."""
    return [json.loads(store.get(key)) for key in store.list(f"runs/{run}/alerts/")]


def _notify(url: str, alert: Alert) -> bool:
    import apprise

    channel = apprise.Apprise()
    if not channel.add(url):
        logging.getLogger(__name__).warning("POSTERITY_ALERT_URLS holds a URL that Apprise does not know")
        return False
    kinds = {"info": apprise.NotifyType.INFO, "warning": apprise.NotifyType.WARNING}
    kind = kinds.get(alert.level, apprise.NotifyType.FAILURE)
    return bool(channel.notify(title=alert.title, body=alert.body, notify_type=kind))
