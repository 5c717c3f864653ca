"""Versions that were withdrawn: nobody is to use them any more, whatever alias points at them.

A withdrawal is an entry of the audit log; a marker, written after it, says the same without the log being read. It
cannot be undone: a product that is right after all is registered anew by another run.
"""

import json
from dataclasses import asdict

from posterity.errors import CorruptError
from posterity.registry import audit
from posterity.registry.audit import Entry
from posterity.store import ObjectStore
from posterity.store.digest import canonical_json

KIND = "retire"


def retire(store: ObjectStore, model: str, number: int, who: str, why: str) -> Entry:
    """Withdraw version `number` of `model`; nothing happens where it is withdrawn already.

    Raises SettingsError without a reason, NotFoundError when there is no such version.
    """
    if existing := store.read(retired_key(model, number)):
        return _parse(retired_key(model, number), existing[0])
    entry = audit.record(store, model, KIND, number, who, why)
    store.put(retired_key(model, number), canonical_json(asdict(entry)))
    return retired(store, model)[number]


def retired(store: ObjectStore, model: str) -> dict[int, Entry]:
    """The versions of `model` that were withdrawn, with the entry that says by whom, when and why.

    Raises CorruptError.
    """
    entries = [_parse(key, store.get(key)) for key in store.list(f"models/{model}/retired/")]
    return {entry.number: entry for entry in entries}


def retired_key(model: str, number: int) -> str:
    """Where it is marked that a version was withdrawn."""
    return f"models/{model}/retired/{number:06d}.json"


def _parse(key: str, data: bytes) -> Entry:
    try:
        return Entry(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise CorruptError(f"{key} does not say who withdrew a version ({error}); restore it from a copy") from error
