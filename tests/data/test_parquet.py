"""Parquet files read by the thread that asks."""

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from posterity.data.parquet import Source, read_batches, read_row, read_schema, read_table

TABLE = pa.table({"day": pd.to_datetime(["2026-01-01", "2026-01-02"] * 5), "no": range(10), "x": [0.5] * 10})
THREADS = """
import io, os, sys
from pathlib import Path
import pandas
import pyarrow.parquet as pq
from posterity.data.parquet import read_batches, read_frame, read_row

def born() -> set[str]:
    tasks = Path("/proc/self/task").iterdir()
    return {task.name for task in tasks if "jemalloc" not in (task / "comm").read_text()}  # knows nothing of Python

data = Path(sys.argv[1]).read_bytes()
before = born()
read_frame(data), list(read_batches(data, 3)), read_row(data, 7)
print(len(born() - before))
pq.read_table(io.BytesIO(data))
print(len(born() - before), flush=True)
os._exit(0)  # an orderly end is what Arrow's way may abort
"""


def parquet(rows: int) -> bytes:
    """The table in groups of so many rows."""
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer, row_group_size=rows)
    return buffer.getvalue()


@pytest.fixture(params=["bytes", "path"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """The table in groups of three rows, in memory or in a file."""
    data = parquet(3)
    path = tmp_path / "table.parquet"
    path.write_bytes(data)
    return data if request.param == "bytes" else path


def test_a_table_is_read_whole_or_by_columns(source: Source) -> None:
    assert read_table(source).equals(TABLE)
    assert read_table(source, ["x", "no"]).select(["no", "x"]).equals(TABLE.select(["no", "x"]))
    assert read_schema(source).equals(TABLE.schema)


def test_batches_hold_all_rows(source: Source) -> None:
    batches = list(read_batches(source, 4))
    assert max(batch.num_rows for batch in batches) <= 4
    assert pa.Table.from_batches(batches).equals(TABLE)


@pytest.mark.parametrize("rows", [1, 3, 10])
def test_a_row_is_read_from_its_group(rows: int) -> None:
    assert [read_row(parquet(rows), place)["no"] for place in range(10)] == list(range(10))
    with pytest.raises(IndexError):
        read_row(parquet(rows), 10)


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(parquet(3)[:-20])
    for source in (path.read_bytes(), path):
        with pytest.raises(pa.ArrowException):
            read_table(source)


def test_no_thread_of_another_outlives_a_read(tmp_path: Path) -> None:
    """One that does may abort the process at its end; Arrow's own way, asked last, shows that it would be seen."""
    path = tmp_path / "table.parquet"
    path.write_bytes(parquet(3))
    done = subprocess.run([sys.executable, "-c", THREADS, path], capture_output=True, text=True, check=True)
    ours, arrows = map(int, done.stdout.split())
    assert ours == 0
    assert arrows > 0
