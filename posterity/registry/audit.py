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
    key = f"{folder(model)}{time.time_ns():020d}-{entry.id}-{kind}-{number}.json"
    store.put(key, canonical_json(asdict(entry)))
    return entry


def entries(store: ObjectStore, model: str, *kinds: str, number: int | None = None) -> list[Entry]:
    """The entries of these kinds (all, if none is given) about version `number` (any, if none), the oldest first.

    Raises CorruptError.
    """
    return [_entry(key, store.get(key)) for key in store.list(folder(model)) if _fits(key, kinds, number)]


def last(store: ObjectStore, model: str, *kinds: str, number: int | None = None) -> Entry | None:
    """The newest of these entries, None where there is none; no other is read. Raises CorruptError."""
    keys = [key for key in store.list(folder(model)) if _fits(key, kinds, number)]
    return _entry(keys[-1], store.get(keys[-1])) if keys else None


def folder(model: str) -> str:
    """Where the audit log of a model lies."""
    return f"models/{model}/audit/"


def move_keys(store: ObjectStore, model: str) -> Iterator[str]:
    """The keys of the moves in the log, the oldest first; those of other entries tell kind and version."""
    return (key for key in store.list(folder(model)) if not _about(key)[0])


def _fits(key: str, kinds: tuple[str, ...], number: int | None) -> bool:
    kind, about = _about(key)
    return bool(kind) and (not kinds or kind in kinds) and number in (None, about)


def _about(key: str) -> tuple[str, int | None]:
    """Kind and version number of an entry from its key; those of a move are empty."""
    parts = key.rpartition("/")[2].removesuffix(".json").split("-", 2)
    kind, _, number = parts[2].rpartition("-") if len(parts) == 3 else ("", "", "")
    return kind, int(number) if number.isdecimal() else None


def _entry(key: str, data: bytes) -> Entry:
    try:
        return Entry(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise CorruptError(f"{key} is no entry of an audit log ({error}); restore it from a copy") from error
