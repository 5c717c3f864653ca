"""Tables in the store: Parquet files whose bytes depend on their content alone."""

import io
import json
import warnings
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from posterity.data.parquet import read_frame
from posterity.errors import CorruptError, ModelError
from posterity.store import ObjectStore, Reference, digest_bytes

if TYPE_CHECKING:
    import pandas as pd


def to_parquet(frame: "pd.DataFrame") -> bytes:
    """`frame` without its index as Parquet; equal frames give equal bytes. Objects that are all text become `str`.

    Raises ModelError naming a column that cannot be a column of a table: one that mixes types, or a name used twice.
    """
    buffer = io.BytesIO()
    pq.write_table(_to_arrow(frame), buffer, compression="zstd")
    return buffer.getvalue()


def from_parquet(data: bytes) -> "pd.DataFrame":
    """The frame that `to_parquet` wrote, with the same dtypes. Raises CorruptError on other bytes."""
    try:
        return read_frame(data)
    except pa.ArrowException as error:
        raise CorruptError(
            f"these {len(data):,} bytes are no whole Parquet file ({error}); write them again"
        ) from error


def column_types(frame: "pd.DataFrame") -> dict[str, str]:
    """Column name → dtype, as references and manifests have it."""
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def store_table(store: ObjectStore, frame: "pd.DataFrame", folder: str, **meta: Any) -> Reference:
    """Put `frame` under `folder/<digest>/table.parquet`; its reference knows rows and columns."""
    data = to_parquet(frame)
    digest = digest_bytes(data)
    key = f"{folder}/{digest}/table.parquet"
    store.put(key, data)
    return Reference(key, digest, folder, {"rows": len(frame), "columns": column_types(frame), **meta})


def load_table(store: ObjectStore, reference: Reference) -> "pd.DataFrame":
    """The frame behind a reference. Raises NotFoundError, CorruptError."""
    return from_parquet(reference.fetch(store))


def _to_arrow(frame: "pd.DataFrame") -> pa.Table:
    try:
        with warnings.catch_warnings():
            # pyarrow 25 asks pandas 3.1 for the values of times with a zone in a way that pandas is giving up.
            warnings.simplefilter("ignore", DeprecationWarning)
            table = pa.Table.from_pandas(frame.infer_objects(), preserve_index=False).combine_chunks()
    except (pa.ArrowException, ValueError, TypeError) as error:
        reason = " ".join(str(part) for part in error.args)
        raise ModelError(
            f"the table cannot be stored ({reason}); give every column one type and a name of its own"
        ) from error
    # pandas notes its own and pyarrow's version here; an update of either must not change a digest.
    notes = json.loads(table.schema.metadata[b"pandas"]) | {"creator": {}, "pandas_version": ""}
    return table.replace_schema_metadata({"pandas": json.dumps(notes, sort_keys=True)})
