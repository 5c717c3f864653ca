"""What servers were told about products: what happened (actuals), and what people say of predictions (feedback).

A post of actuals is an immutable object under the digest of its content, `actuals/<model>/<version>/<digest>.json`:
sent twice, it is there once. Feedback lies under `feedback/<model>/<version>/` (`posterity.server.handlers.feedback`).
The next run gathers what is known of periods that are over into one object, which `evaluate` reads.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from posterity.errors import CorruptError
from posterity.registry import versions
from posterity.store import ObjectStore, Reference, digest_json
from posterity.store.digest import canonical_json, digest_bytes
from posterity.store.reference import store_bytes

ACTUALS, FEEDBACK = "actuals", "feedback"


def post_actuals(
    store: ObjectStore, model: str, number: int, entries: Sequence[Mapping[str, Any]], consumer: str
) -> tuple[str, bool]:
    """Keep outcomes that `consumer` reports of a version: `key` (column → value), `values` (quantities and exposures)
    and `comment` of each. Returns their digest and whether they are new. Raises UnavailableError."""
    content = {"entries": list(entries), "consumer": consumer}
    digest = digest_json(content)
    received = datetime.now(UTC).isoformat(timespec="milliseconds")
    data = canonical_json({**content, "received": received})
    return digest, store.put(f"{ACTUALS}/{model}/{number}/{digest}.json", data)


def counts(store: ObjectStore, model: str) -> dict[int, int]:
    """Version → how many outcomes were reported of it, later corrections included. Raises UnavailableError."""
    numbers = _numbers(store, ACTUALS, model)
    return {number: sum(len(item["entries"]) for item in _read(store, ACTUALS, model, number)) for number in numbers}


def places_of(model: str, number: int) -> list[str]:
    """Where everything lies that was said of a version."""
    return [f"{kind}/{model}/{number}/" for kind in (ACTUALS, FEEDBACK)]


def gather(store: ObjectStore, model: str, as_of: date) -> Reference:
    """Everything reported about versions whose period is over on `as_of`, as one content-addressed object.

    Raises CorruptError, UnavailableError.
    """
    found: list[dict[str, Any]] = []
    for number in sorted({*_numbers(store, ACTUALS, model), *_numbers(store, FEEDBACK, model)}):
        version = versions.at(store, model, number)
        if date.fromisoformat(version.valid_until) <= as_of:
            period = {"valid_from": version.valid_from, "valid_until": version.valid_until}
            said = {kind: _read(store, kind, model, number) for kind in (ACTUALS, FEEDBACK)}
            found.append({"version": number, **period, **said})
    data = canonical_json({"model": model, "versions": found})
    rows = sum(len(item["entries"]) for version in found for item in version[ACTUALS])
    rows += sum(len(version[FEEDBACK]) for version in found)
    return store_bytes(store, f"reported/{digest_bytes(data)}.json", data, "reported", {"rows": rows})


@dataclass(frozen=True)
class Reported:
    """What was gathered, for the scoring of one product. actuals: the newest of each key; ratings: how often each;
    comments: the oldest first."""

    actuals: Sequence[Mapping[str, Any]] = ()
    ratings: Mapping[str, int] = field(default_factory=dict)
    comments: Sequence[str] = ()

    @classmethod
    def of(cls, data: bytes, number: int, valid_from: str, valid_until: str) -> "Reported":
        """Actuals of the period, whichever version they were sent for; feedback on version `number`."""
        sent: list[Mapping[str, Any]] = []
        said: list[Mapping[str, Any]] = []
        for version in json.loads(data)["versions"]:
            if (version["valid_from"], version["valid_until"]) == (valid_from, valid_until):
                sent += version[ACTUALS]
            if version["version"] == number:
                said += version[FEEDBACK]
        newest = {
            json.dumps(entry["key"], sort_keys=True): {**entry["key"], **entry["values"]}
            for item in sorted(sent, key=lambda item: str(item["received"]))
            for entry in item["entries"]
        }
        ratings = Counter(item["rating"] for item in said if item["rating"])
        comments = [f"{', '.join(item['key'])}: {item['comment'].strip()}" for item in said if item["comment"]]
        return cls(list(newest.values()), dict(ratings), comments)


def _numbers(store: ObjectStore, kind: str, model: str) -> set[int]:
    return {int(key.split("/")[2]) for key in store.list(f"{kind}/{model}/")}


def _read(store: ObjectStore, kind: str, model: str, number: int) -> list[dict[str, Any]]:
    """What was said of a version, the oldest first."""
    found = []
    for key in store.list(f"{kind}/{model}/{number}/"):
        try:
            item = dict(json.loads(store.get(key)))
            found.append((str(item["received"]), key, item))
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptError(f"{store.url}/{key} is nothing that a server was told ({error}); delete it") from error
    return [item for _, _, item in sorted(found, key=lambda entry: entry[:2])]
