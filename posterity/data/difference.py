"""What differs between two raw tables: their rows by key, their columns, and each column's distribution."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from posterity.data.analysis import Change, analyse
from posterity.data.tables import column_types

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Difference:
    """The second table held against the first.

    added, removed, changed: rows by their key (None where the tables share no complete, unique key); new_columns,
    lost_columns; retyped: column → both types; columns: column → change of its distribution.
    """

    rows: tuple[int, int]
    added: int | None
    removed: int | None
    changed: int | None
    new_columns: tuple[str, ...]
    lost_columns: tuple[str, ...]
    retyped: dict[str, tuple[str, str]]
    columns: dict[str, Change]

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON values."""
        return asdict(self)


def diff(before: "pd.DataFrame", now: "pd.DataFrame", keys: Sequence[str]) -> Difference:
    """Hold `now` against `before`; `keys` identify a row in both."""
    analysis = analyse(now, before)
    old, new = column_types(before), column_types(now)
    added, removed, changed = _rows(before, now, list(keys)) or (None, None, None)
    return Difference(
        rows=(len(before), len(now)),
        added=added,
        removed=removed,
        changed=changed,
        new_columns=analysis.added,
        lost_columns=analysis.removed,
        retyped={name: (old[name], new[name]) for name in old if name in new and old[name] != new[name]},
        columns={column.name: column.change for column in analysis.columns if column.change},
    )


def _rows(before: "pd.DataFrame", now: "pd.DataFrame", keys: list[str]) -> tuple[int, int, int] | None:
    """Rows added, rows removed, and rows with the same key and other values."""
    if not keys or any(key not in table for key in keys for table in (before, now)):
        return None
    old, new = before.set_index(keys), now.set_index(keys)
    if not (old.index.is_unique and new.index.is_unique):
        return None
    shared = old.index.intersection(new.index)
    columns = [name for name in old if name in new]
    a, b = old.loc[shared, columns], new.loc[shared, columns]
    same = ((a == b) | (a.isna() & b.isna())).all(axis=1)
    changed = int((~same).sum())
    return len(new) - len(shared), len(old) - len(shared), changed
