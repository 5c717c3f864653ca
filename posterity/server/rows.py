"""The rows of a product, written as JSON once, and found by key in logarithmic time.

All rows lie in one piece of bytes, each with a comma behind it, so that a page of them is a slice. A key is a number
in mixed radix, made of the places of its values among the values of each column; the sorted numbers are searched by
bisection. Beside the JSON that takes some 20 bytes a row and the distinct values.
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
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

BATCH = 10_000  # rows turned into Python objects at once

Places = NDArray[np.intp]


class Rows:
    """The rows of `predictions.parquet`; `keys` are the names of the columns that identify one."""

    def __init__(self, parquet: bytes, keys: Sequence[str]) -> None:
        table = pq.read_table(io.BytesIO(parquet))
        self.parquet = parquet
        self.keys = tuple(keys)
        self.columns: tuple[str, ...] = tuple(table.column_names)
        self.count: int = table.num_rows
        lines = [line for batch in table.to_batches(BATCH) for line in _lines(batch)]
        self.json = b"".join(lines)
        self._ends = array("Q", accumulate(map(len, lines), initial=0))
        encoded = [_encode(table[name]) for name in self.keys]
        self._values = [values for values, _ in encoded]
        self._codes = [codes for _, codes in encoded]
        self._order, self._sorted = self._index()

    @property
    def nbytes(self) -> int:
        """Memory that the rows take, about."""
        codes = sum(item.nbytes for item in self._codes)
        values = sum(len(text) + 130 for column in self._values for text in column)  # an entry of a dict
        return len(self.parquet) + len(self.json) + 8 * len(self._ends) + codes + values + 16 * self.count

    def find(self, key: Sequence[str]) -> int | None:
        """The place of the row with this key, as texts in the order of `keys`; None where there is none."""
        number = 0
        for values, text in zip(self._values, key, strict=True):
            code = values.get(text)
            if code is None:
                return None
            number = number * len(values) + code
        at = bisect_left(self._sorted, number)
        if at == self.count or self._sorted[at] != number:
            return None
        return int(self._order[at])

    def row(self, place: int) -> bytes:
        """One row as a JSON object."""
        return self.json[self._ends[place] : self._ends[place + 1] - 1]

    def key(self, place: int) -> str:
        """The key of a row, as it is written in a path."""
        texts = (list(values)[codes[place]] for values, codes in zip(self._values, self._codes, strict=True))
        return ",".join(quote(text, safe="") for text in texts)

    def knows(self, column: str, text: str) -> bool:
        """Whether any row has this value in a key column."""
        return text in self._values[self.keys.index(column)]

    def select(self, wanted: Mapping[str, Sequence[str]]) -> Places:
        """The places of the rows with one of the wanted values in each of the columns named."""
        chosen = np.ones(self.count, dtype=bool)
        for column, texts in wanted.items():
            at = self.keys.index(column)
            chosen &= np.isin(self._codes[at], [self._values[at][text] for text in texts])
        return np.flatnonzero(chosen)

    def page(self, places: Places | None, start: int, stop: int) -> bytes:
        """Rows as JSON objects with commas between them: of all rows, or of those at `places`, a part."""
        if places is None:
            stop = min(stop, self.count)
            return self.json[self._ends[start] : self._ends[stop] - 1] if start < stop else b""
        return b",".join(self.row(place) for place in places[start:stop].tolist())

    def table(self, places: Places | None, start: int, stop: int) -> pa.Table:
        """The same part as a table."""
        whole = pq.read_table(io.BytesIO(self.parquet))
        return whole.slice(start, stop - start) if places is None else whole.take(pa.array(places[start:stop]))

    def _index(self) -> tuple[NDArray[np.integer], Sequence[int]]:
        """The places of the rows in the order of their keys' numbers, and these numbers."""
        size = 1
        for values in self._values:
            size *= max(1, len(values))
        numbers = np.zeros(self.count, dtype=np.int64 if size < 2**62 else object)
        for values, codes in zip(self._values, self._codes, strict=True):
            numbers = numbers * len(values) + codes
        order = np.argsort(numbers, kind="stable")
        ascending = numbers[order]
        fits = ascending.dtype != object
        return order.astype(np.uint32), array("q", ascending.tobytes()) if fits else ascending.tolist()


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


def _encode(column: pa.ChunkedArray) -> tuple[dict[str, int], NDArray[np.int32]]:
    """Text of a value → its code, and the code of each row."""
    encoded = column.combine_chunks().dictionary_encode()
    values = {key_text(value): code for code, value in enumerate(encoded.dictionary.to_pylist())}
    return values, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
