"""What was in production when, by whom and why; and everything else that was decided."""

from itertools import zip_longest
from typing import Any

from posterity.registry import aliases, audit
from posterity.release.production import in_production
from posterity.store import ObjectStore


def periods(store: ObjectStore, model: str) -> list[dict[str, Any]]:
    """A row for each period of a version in production, the oldest first. Raises CorruptError."""
    moves = in_production(store, model)
    return [
        {"version": move.number, "since": move.when, "until": after.when if after else None}
        | {"how": move.how, "who": move.who, "why": move.why}
        for move, after in zip_longest(moves, moves[1:])
    ]


def log(store: ObjectStore, model: str) -> list[dict[str, Any]]:
    """A row for each move of an alias and each other decision, the oldest first. Raises CorruptError."""
    rows = [
        {"when": move.when, "what": f"{move.alias} {move.before or 'none'} → {move.number}", "version": move.number}
        | {"who": move.who, "why": move.why}
        for move in aliases.history(store, model)
    ]
    rows += [
        {"when": entry.when, "what": entry.kind, "version": entry.number, "who": entry.who, "why": entry.why}
        for entry in audit.entries(store, model)
    ]
    return sorted(rows, key=lambda row: row["when"])
