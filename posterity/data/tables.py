"""Tables in the store: Parquet files whose bytes depend on their content alone."""

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from posterity.store import ObjectStore, Reference, digest_bytes

if TYPE_CHECKING:
    import pandas as pd


def to_parquet(frame: "pd.DataFrame") -> bytes:
    """`frame` without its index as Parquet; equal frames give equal bytes."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def from_parquet(data: bytes) -> "pd.DataFrame":
    """The frame that `to_parquet` wrote, with the same dtypes."""
    frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
    return frame


def store_table(store: ObjectStore, frame: "pd.DataFrame", folder: str, **meta: Any) -> Reference:
    """Put `frame` under `folder/<digest>/table.parquet`; its reference knows rows and columns."""
    data = to_parquet(frame)
    digest = digest_bytes(data)
    key = f"{folder}/{digest}/table.parquet"
    store.put(key, data)
    columns = {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
    return Reference(key, digest, folder, {"rows": len(frame), "columns": columns, **meta})


def load_table(store: ObjectStore, reference: Reference) -> "pd.DataFrame":
    """The frame behind a reference. Raises NotFoundError, CorruptError."""
    return from_parquet(reference.fetch(store))
