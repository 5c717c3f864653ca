"""Aliases: pointers at versions, moved by compare-and-swap, each move in an append-only audit log.

A move is written to the log before the pointer is moved, and the pointer names its entry: a pointer without an entry
cannot be. An entry whose move never happened (the process was killed in between, or somebody else was faster) is told
apart by no pointer or later entry naming it as its predecessor; repeating the command completes the move.
"""

import json
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from posterity.errors import CorruptError, NotFoundError, RefusedError, SettingsError
from posterity.registry import audit
from posterity.registry.retirement import retired_key
from posterity.registry.versions import version_key
from posterity.store import ObjectStore
from posterity.store.digest import canonical_json

ALIASES = ("candidate", "staging", "champion", "challenger", "baseline")


@dataclass(frozen=True)
class Move:
    """One entry of the audit log: who let `alias` point at version `number` instead of `before`, when and why.

    follows: the id of the entry that the pointer named until then, empty for the first; how: what let it happen
    (`refresh`, `approval`, `override`, `rollback`), empty where somebody just moved the pointer.
    """

    id: str
    alias: str
    number: int
    before: int | None
    who: str
    why: str
    when: str
    follows: str = ""
    how: str = ""


def move(store: ObjectStore, model: str, alias: str, number: int, who: str, why: str, how: str = "") -> Move:
    """Let `alias` of `model` point at version `number`; nothing happens where it does already.

    Raises SettingsError on an unknown alias or a missing reason, NotFoundError when there is no such version,
    ConflictError when somebody moves the alias at the same time.
    """
    _check(store, model, alias, number, why)
    pointer = store.read(_key(model, alias))
    before = _parse(_key(model, alias), pointer[0]) if pointer else None
    if before and before.number == number:
        return before
    entry = Move(
        id=uuid.uuid4().hex[:12],
        alias=alias,
        number=number,
        before=before.number if before else None,
        who=who,
        why=why.strip(),
        when=datetime.now(UTC).isoformat(timespec="milliseconds"),
        follows=before.id if before else "",
        how=how,
    )
    data = canonical_json(asdict(entry))
    store.put(f"{audit.folder(model)}{time.time_ns():020d}-{entry.id}.json", data)
    store.replace(_key(model, alias), data, pointer[1] if pointer else None)
    return entry


def current(store: ObjectStore, model: str, alias: str) -> int | None:
    """The number of the version that `alias` points at, None where it points at none."""
    found = pointed(store, model, alias)
    return found.number if found else None


def pointed(store: ObjectStore, model: str, alias: str) -> Move | None:
    """The move that made `alias` what it is, None where there was none. Raises CorruptError."""
    found = store.read(_key(model, alias))
    return _parse(_key(model, alias), found[0]) if found else None


def history(store: ObjectStore, model: str) -> list[Move]:
    """The moves of all aliases of `model` that happened, in their order. Raises CorruptError."""
    entries = [_parse(key, store.get(key)) for key in audit.move_keys(store, model)]
    pointers = [pointed(store, model, alias) for alias in ALIASES]
    by_id = {entry.id: entry for entry in entries}
    happened: set[str] = set()
    for last in pointers:
        while last:
            happened.add(last.id)
            last = by_id.get(last.follows)
    return [entry for entry in entries if entry.id in happened]


def _check(store: ObjectStore, model: str, alias: str, number: int, why: str) -> None:
    if alias not in ALIASES:
        raise SettingsError(f"{alias!r} is not an alias; there are {', '.join(ALIASES)}")
    if not why.strip():
        raise SettingsError(f"moving {alias} of {model} needs a reason; give one with --reason")
    if store.size(version_key(model, number)) is None:
        raise NotFoundError(f"{model} has no version {number} that {alias} could point at; see `posterity versions`")
    if store.size(retired_key(model, number)) is not None:
        raise RefusedError(f"{model}/{number} was withdrawn, so {alias} cannot point at it; see `posterity history`")


def _parse(key: str, data: bytes) -> Move:
    try:
        return Move(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise CorruptError(f"{key} is not the record of a move ({error}); restore it from a copy") from error


def _key(model: str, alias: str) -> str:
    return f"models/{model}/aliases/{alias}.json"
