"""Reading Parquet files without leaving a thread behind that needs Python.

Arrow would unpack columns on a pool of threads. One of them may still hold the file when the read has returned, and
needs the interpreter's lock to let go of memory that is Python's; if the interpreter is ending just then, the process
is aborted, and work that was done counts as failed (apache/arrow#34314). So the thread that asks unpacks, and a file
on a disk is opened by Arrow itself.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pandas as pd

Source = bytes | Path  # a whole file in memory, or where it lies


def read_table(source: Source, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows, of all columns or of some. Raises pyarrow.ArrowException where `source` is no whole Parquet file."""
    return _open(source).read(None if columns is None else list(columns), use_threads=False)


def read_frame(source: Source) -> "pd.DataFrame":
    """All rows as pandas has them. Raises pyarrow.ArrowException."""
    frame: pd.DataFrame = read_table(source).to_pandas(use_threads=False)
    return frame


def read_schema(source: Source) -> pa.Schema:
    """Names and types of the columns. Raises pyarrow.ArrowException."""
    return _open(source).schema_arrow


def read_batches(source: Source, rows: int) -> Iterator[pa.RecordBatch]:
    """All rows in batches of at most `rows`. Raises pyarrow.ArrowException."""
    yield from _open(source).iter_batches(rows, use_threads=False)


def read_row(source: Source, place: int) -> dict[str, Any]:
    """One row; only the group of rows that it is in is unpacked. Raises IndexError, pyarrow.ArrowException."""
    file = _open(source)
    start = 0
    for group in range(file.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        if place < start + count:
            return dict(file.read_row_group(group, use_threads=False).slice(place - start, 1).to_pylist()[0])
        start += count
    raise IndexError(f"row {place} of {start}")


def _open(source: Source) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else pa.OSFile(str(source)))
