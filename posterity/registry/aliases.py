"""Aliases: pointers at versions, moved by compare-and-swap, each move in an append-only audit log.

A move is written to the log before the pointer is moved, and the pointer names its entry: a pointer without an entry
cannot be. An entry whose move never happened (the process was killed in between) is told apart by no pointer or later
entry naming it as its predecessor; repeating the command completes the move.
"""

import json
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from posterity.errors import SettingsError
from posterity.store import ObjectStore
from posterity.store.digest import canonical_json

ALIASES = ("candidate", "staging", "champion", "challenger", "baseline")


@dataclass(frozen=True)
class Move:
    """One entry of the audit log: who let `alias` point at version `number` instead of `before`, when and why."""

    id: str
    alias: str
    number: int
    before: int | None
    who: str
    why: str
    when: str
    follows: str = ""


def move(store: ObjectStore, model: str, alias: str, number: int, who: str, why: str) -> Move:
    """Let `alias` of `model` point at version `number`; nothing happens where it does already.

    Raises SettingsError on an unknown alias or a missing reason, ConflictError when somebody moves it at the same time.
    """
    if alias not in ALIASES:
        raise SettingsError(f"{alias!r} is not an alias; there are {', '.join(ALIASES)}")
    if not why.strip():
        raise SettingsError(f"moving {alias} of {model} needs a reason; give one with --reason")
    pointer = store.read(_key(model, alias))
    before = Move(**json.loads(pointer[0])) if pointer else None
    if before and before.number == number:
        return before
    entry = Move(
        id=uuid.uuid4().hex[:12],
        alias=alias,
        number=number,
        before=before.number if before else None,
        who=who,
        why=why,
        when=datetime.now(UTC).isoformat(timespec="milliseconds"),
        follows=before.id if before else "",
    )
    data = canonical_json(asdict(entry))
    store.put(f"models/{model}/audit/{time.time_ns():020d}-{entry.id}.json", data)
    store.replace(_key(model, alias), data, pointer[1] if pointer else None)
    return entry


def current(store: ObjectStore, model: str, alias: str) -> int | None:
    """The number of the version that `alias` points at, None where it points at none."""
    found = pointed(store, model, alias)
    return found.number if found else None


def pointed(store: ObjectStore, model: str, alias: str) -> Move | None:
    """The move that made `alias` what it is, None where there was none."""
    found = store.read(_key(model, alias))
    return Move(**json.loads(found[0])) if found else None


def history(store: ObjectStore, model: str) -> list[Move]:
    """The moves of all aliases of `model` that happened, in their order."""
    entries = [Move(**json.loads(store.get(key))) for key in store.list(f"models/{model}/audit/")]
    pointers = [pointed(store, model, alias) for alias in ALIASES]
    by_id = {entry.id: entry for entry in entries}
    happened: set[str] = set()
    for last in pointers:
        while last:
            happened.add(last.id)
            last = by_id.get(last.follows)  # noqa: PLW2901
    return [entry for entry in entries if entry.id in happened]


def _key(model: str, alias: str) -> str:
    return f"models/{model}/aliases/{alias}.json"
