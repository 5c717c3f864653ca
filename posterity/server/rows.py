"""The rows of a product, written as JSON once, and found by key in logarithmic time.

All rows lie in one piece of bytes, each with a comma behind it, so that a page of them is a slice. The hashes of all
keys are sorted and searched by bisection; the row that is found says whether it is the one. Beside the JSON and the
product's own file that takes some 50 bytes a row.
"""

import io
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from urllib.parse import quote

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from posterity.data.parquet import read_table

BATCH = 10_000  # rows turned into Python objects at once
SEPARATOR = "\x1f"
MASK = 2**64 - 1

Places = NDArray[np.intp]


class Rows:
    """The rows of `predictions.parquet`; `keys` are the names of the columns that identify one."""

    def __init__(self, parquet: bytes, keys: Sequence[str]) -> None:
        table = read_table(parquet)
        self.parquet = parquet
        self.keys = tuple(keys)
        self.columns: tuple[str, ...] = tuple(table.column_names)
        self.count: int = table.num_rows
        self._encoded = [table[name].combine_chunks().dictionary_encode() for name in self.keys]
        self._texts = [_texts(column.dictionary) for column in self._encoded]
        self._ends = array("Q", [0])
        self.json = self._write(table)
        self._order, self._hashes = self._index()
        del table
        pa.default_memory_pool().release_unused()

    @property
    def nbytes(self) -> int:
        """Memory that the rows take, about."""
        columns = sum(int(column.nbytes) for column in (*self._encoded, *self._texts))
        return len(self.parquet) + len(self.json) + 8 * len(self._ends) + columns + 12 * self.count

    def find(self, key: Sequence[str]) -> int | None:
        """The place of the row with this key, as texts in the order of `keys`; None where there is none."""
        wanted = hash(SEPARATOR.join(key)) & MASK
        at = bisect_left(self._hashes, wanted)
        while at < self.count and self._hashes[at] == wanted:
            place = self._order[at]
            if self._key(place) == list(key):
                return place
            at += 1
        return None

    def row(self, place: int) -> bytes:
        """One row as a JSON object."""
        return self.json[self._ends[place] : self._ends[place + 1] - 1]

    def key(self, place: int) -> str:
        """The key of a row, as it is written in a path."""
        return ",".join(quote(text, safe="") for text in self._key(place))

    def knows(self, column: str, text: str) -> bool:
        """Whether any row has this value in a key column."""
        return self._code(self.keys.index(column), text) >= 0

    def select(self, wanted: Mapping[str, Sequence[str]]) -> Places:
        """The places of the rows with one of the wanted values in each of the columns named."""
        chosen = np.ones(self.count, dtype=bool)
        for column, texts in wanted.items():
            at = self.keys.index(column)
            codes = self._encoded[at].indices.to_numpy(zero_copy_only=False)
            chosen &= np.isin(codes, [self._code(at, text) for text in texts])
        return np.flatnonzero(chosen)

    def page(self, places: Places | None, start: int, stop: int) -> bytes:
        """Rows as JSON objects with commas between them: of all rows, or of those at `places`, a part."""
        if places is None:
            stop = min(stop, self.count)
            return self.json[self._ends[start] : self._ends[stop] - 1] if start < stop else b""
        return b",".join(self.row(place) for place in places[start:stop].tolist())

    def table(self, places: Places | None, start: int, stop: int) -> pa.Table:
        """The same part as a table."""
        whole = read_table(self.parquet)
        return whole.slice(start, stop - start) if places is None else whole.take(pa.array(places[start:stop]))

    def _key(self, place: int) -> list[str]:
        """The texts of a row's key."""
        row = orjson.loads(self.row(place))
        return [key_text(row[name]) for name in self.keys]

    def _code(self, column: int, text: str) -> int:
        """The place of a value among those of a key column; -1 where it has none like that."""
        return int(pc.index(self._texts[column], pa.scalar(text, pa.string())).as_py())

    def _write(self, table: pa.Table) -> bytes:
        """All rows as JSON, with a comma behind each; notes where each ends."""
        written = bytearray()
        for batch in table.to_batches(BATCH):
            lines = list(_lines(batch))
            written += b"".join(lines)
            self._ends.extend(accumulate(map(len, lines), initial=self._ends.pop()))
        return bytes(written)

    def _index(self) -> tuple[Sequence[int], Sequence[int]]:
        """The places of the rows in the order of their keys' hashes, and these hashes."""
        hashes = np.empty(self.count, dtype=np.uint64)
        for start in range(0, self.count, BATCH):
            part = [texts.take(column.indices.slice(start, BATCH)).to_pylist() for texts, column in self._columns()]
            keys = zip(*part, strict=True)
            hashes[start : start + BATCH] = [hash(SEPARATOR.join(key)) & MASK for key in keys]
        order = np.argsort(hashes, kind="stable")
        return array("I", order.astype(np.uint32).tobytes()), array("Q", hashes[order].tobytes())

    def _columns(self) -> Iterator[tuple[pa.StringArray, pa.DictionaryArray]]:
        return zip(self._texts, self._encoded, strict=True)


def key_text(value: object) -> str:
    """A key's value as it is written in a path or a query: text as it is, anything else as in JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode().strip('"')


def to_csv(table: pa.Table) -> bytes:
    """A table as CSV with a header."""
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer)
    return buffer.getvalue()


def to_parquet(table: pa.Table) -> bytes:
    """A table as Parquet."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _lines(batch: pa.RecordBatch) -> Iterator[bytes]:
    """Each row as a JSON object with a comma behind it; what is not a number becomes null."""
    names = batch.schema.names
    for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        yield orjson.dumps(dict(zip(names, row, strict=True))) + b","


def _texts(values: pa.Array) -> pa.StringArray:
    """The distinct values of a key column as they are written in paths and queries."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return values.cast(pa.string())
    return pa.array([key_text(value) for value in values.to_pylist()], pa.string())
