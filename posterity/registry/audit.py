"""The audit log of a model: what was decided about its versions beside moves of aliases, by whom, when and why.

Entries lie beside those of the moves (`posterity.registry.aliases`), are written once and never changed. What holds now
is what the newest entries say: an entry is undone by a later one.
"""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from posterity.errors import CorruptError, NotFoundError, SettingsError
from posterity.registry.versions import version_key
from posterity.store import ObjectStore
from posterity.store.digest import canonical_json


@dataclass(frozen=True)
class Entry:
    """One decision or event. kind: what was done (`approve`, `acknowledge`, …); facts: further details, as JSON."""

    id: str
    kind: str
    number: int
    who: str
    why: str
    when: str
    facts: dict[str, Any] = field(default_factory=dict)


def record(store: ObjectStore, model: str, kind: str, number: int, who: str, why: str, **facts: Any) -> Entry:
    """Write down that `who` did `kind` to version `number`.

    Raises SettingsError without a reason, NotFoundError when there is no such version.
    """
    if not why.strip():
        raise SettingsError(f"{kind} {model}/{number} needs a reason; give one with --reason")
    if store.size(version_key(model, number)) is None:
        raise NotFoundError(f"{model} has no version {number}; see `posterity versions`")
    when = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = Entry(uuid.uuid4().hex[:12], kind, number, who, why.strip(), when, facts)
    store.put(f"{folder(model)}{time.time_ns():020d}-{entry.id}.json", canonical_json(asdict(entry)))
    return entry


def entries(store: ObjectStore, model: str, *kinds: str) -> list[Entry]:
    """The entries of these kinds (all, if none is given), the oldest first. Raises CorruptError."""
    found = (_parse(key, facts) for key, facts in read(store, model) if "kind" in facts)
    return [entry for entry in found if not kinds or entry.kind in kinds]


def folder(model: str) -> str:
    """Where the audit log of a model lies."""
    return f"models/{model}/audit/"


def read(store: ObjectStore, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Key and content of everything in the log, the oldest first: moves have an `alias`, other entries a `kind`.

    Raises CorruptError.
    """
    for key in store.list(folder(model)):
        try:
            yield key, dict(json.loads(store.get(key)))
        except (ValueError, TypeError) as error:
            raise CorruptError(f"{key} is no entry of an audit log ({error}); restore it from a copy") from error


def _parse(key: str, facts: dict[str, Any]) -> Entry:
    try:
        return Entry(**facts)
    except TypeError as error:
        raise CorruptError(f"{key} is no entry of an audit log ({error}); restore it from a copy") from error
