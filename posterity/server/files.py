"""The files behind versions, kept as they are for a while, and the places of rows in them."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from posterity.data.parquet import read_table
from posterity.server.rows import key_text
from posterity.store import ObjectStore, Reference

ROOM = 128 << 20  # bytes of files that are kept


class Files:
    """Objects of the store by their digests, verified; the longest unused go first. For any thread."""

    def __init__(self, store: ObjectStore, room: int = ROOM) -> None:
        self._store = store
        self._room = room
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def fetch(self, key: str, sha256: str) -> bytes:
        """An object's bytes. Raises NotFoundError, CorruptError, UnavailableError."""
        with self._lock:
            if sha256 in self._held:
                self._held.move_to_end(sha256)
                return self._held[sha256]
        data = Reference(key, sha256, "file").fetch(self._store)
        with self._lock:
            self._held[sha256] = data
            while len(self._held) > 1 and sum(map(len, self._held.values())) > self._room:
                self._held.popitem(last=False)
        return data


def place_in(parquet: bytes, keys: Sequence[str], texts: Sequence[str]) -> int | None:
    """The place of the row whose key columns read so, as texts; None where there is none."""
    table = read_table(parquet, keys)
    fits = np.ones(table.num_rows, dtype=bool)
    for name, text in zip(keys, texts, strict=True):
        encoded = table[name].combine_chunks().dictionary_encode()
        values = [key_text(value) for value in encoded.dictionary.to_pylist()]
        if text not in values:
            return None
        fits &= encoded.indices.to_numpy(zero_copy_only=False) == values.index(text)
    found = np.flatnonzero(fits)
    return int(found[0]) if len(found) else None
