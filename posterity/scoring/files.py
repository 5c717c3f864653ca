"""Scores of a whole table of keys, and products as files that work offline."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from posterity.errors import SettingsError
from posterity.registry.versions import Version
from posterity.scoring.scorer import Question, Scorer
from posterity.store import open_store
from posterity.store.files import new_file

SUFFIXES = (".csv", ".parquet")


def score_table(scorer: Scorer, table: pd.DataFrame, question: Question) -> pd.DataFrame:
    """What is asked of each row of `table`, behind its own columns; values are checked as a server checks them.

    Raises SettingsError naming a column or row that cannot be scored, ModelError where the model has no rule for it.
    """
    columns = scorer.complete({str(name): table[name].tolist() for name in table})
    found = scorer.score(columns, question)
    exposures = {quantity.exposure for quantity in scorer.model.quantities if quantity.exposure}
    own = {name: columns[name] for name in scorer.types if name in table or name in exposures}
    return pd.DataFrame({**own, **found})


def check_target(to: str) -> str:
    """`to`, if a table can be written there. Raises SettingsError."""
    parts = urlsplit(to)
    if Path(parts.path).suffix not in SUFFIXES:
        raise SettingsError(f"{to} is neither .csv nor .parquet")
    if parts.scheme not in ("", "s3"):
        raise SettingsError(f"{to} is neither a path nor s3://bucket/key")
    if not parts.scheme and not Path(to).parent.is_dir():
        raise SettingsError(f"the folder {Path(to).parent} does not exist")
    return to


def write_table(table: pa.Table, to: str) -> None:
    """Write a .csv or .parquet file, whole or not at all, to a path or to `s3://bucket/key`.

    Raises SettingsError on another place, UnavailableError where it cannot be written.
    """
    parts = urlsplit(check_target(to))
    if not parts.scheme:
        _write(table, Path(to))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(parts.path).name
        _write(table, path)
        open_store(f"s3://{parts.netloc}").overwrite(parts.path.lstrip("/"), path.read_bytes())


def with_validity(version: Version, rows: pa.Table) -> pa.Table:
    """`rows` behind the columns that say which version they are of and when it is valid, as in a database's view."""
    days = {
        name: pa.scalar(pd.Timestamp(getattr(version, name)).date()) for name in ("as_of", "valid_from", "valid_until")
    }
    constants: Mapping[str, pa.Scalar] = {"version": pa.scalar(version.number, pa.int64()), **days}
    columns = {name: pa.repeat(value, rows.num_rows) for name, value in constants.items()}
    return pa.table({**columns, **{name: rows[name] for name in rows.column_names}})


def _write(table: pa.Table, path: Path) -> None:
    with new_file(path) as file:
        if path.suffix == ".csv":
            pyarrow.csv.write_csv(table, file)
        else:
            pq.write_table(table, file, compression="zstd")
