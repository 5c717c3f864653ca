"""Read a table from wherever a team keeps it: CSV and Parquet files, web and S3 addresses, SQL databases."""

import csv
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from posterity.errors import NotFoundError, PosterityError, SourceError, UnavailableError
from posterity.store import open_store

if TYPE_CHECKING:
    import pandas as pd

KINDS = (".csv", ".csv.gz", ".csv.zip", ".parquet")


def read_source(source: str) -> "pd.DataFrame":
    """The table behind `source`.

    A path to a .csv, .csv.gz, .csv.zip or .parquet file or to a folder of them (read in the order of their names);
    `https://…` or `s3://bucket/key` of such a file, or `s3://bucket/folder/` of such files; or an SQLAlchemy URL with
    `?table=NAME` or `?query=SELECT…` (URL-encoded). `${NAME}` in an SQL URL is taken from the environment: a source is
    recorded with every run, so that is the place for a password.

    Raises SourceError naming the source, what is wrong with it and what to do, UnavailableError if it may come back.
    """
    if not source:
        raise SourceError("no source is given and the model has no default; name one with --source")
    name = without_password(source)
    try:
        table = _reader(source)(source)
    except PosterityError:
        raise
    except Exception as error:
        lines = without_password(str(error)).strip().splitlines() or [type(error).__name__]
        raise SourceError(f"{name} cannot be read: {lines[0]}; check that the file or query is whole") from error
    if table.empty:
        raise SourceError(f"{name} holds no rows; nothing is stored and the last product stays as it is")
    return table


def without_password(source: str) -> str:
    """`source` as it may be shown and stored."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", source)


def _reader(source: str) -> "Callable[[str], pd.DataFrame]":
    scheme = urlsplit(source).scheme
    readers: dict[str, Callable[[str], pd.DataFrame]] = {
        "": lambda path: _read_path(Path(path)),
        "file": lambda url: _read_path(Path(url.removeprefix("file://"))),
        "http": _read_web,
        "https": _read_web,
        "s3": _read_objects,
    }
    return readers.get(scheme, _read_sql)


def _read_path(path: Path) -> "pd.DataFrame":
    if path.is_dir():
        return _read_all(path, [part for part in sorted(path.iterdir()) if part.name.endswith(KINDS)])
    if not path.exists():
        raise SourceError(f"{path} does not exist; check the path (it is looked for from {Path.cwd()})")
    return _read_file(path)


def _read_all(source: object, parts: Iterable[Path]) -> "pd.DataFrame":
    """Several files with the same columns, one after the other."""
    import pandas as pd

    tables = {part.name: _read_file(part) for part in parts}
    if not tables:
        raise SourceError(f"{source} holds no {', '.join(KINDS)} file; name a folder of such files")
    first, *others = tables
    for name in others:
        if differing := set(tables[name]) ^ set(tables[first]):
            columns = ", ".join(sorted(map(str, differing)))
            raise SourceError(f"{source}: {first} and {name} do not have the same columns (see {columns}); correct one")
    return pd.concat(tables.values(), ignore_index=True)


def _read_file(path: Path) -> "pd.DataFrame":
    import pandas as pd

    from posterity.data.parquet import read_frame

    if path.name.endswith(".parquet"):
        return read_frame(path)
    if not path.name.endswith(KINDS):
        raise SourceError(f"{path} is of no kind that can be read; there are {', '.join(KINDS)}")
    table = pd.read_csv(path, low_memory=False)  # in one piece, or a column's type would depend on the piece
    if path.suffix == ".csv":
        _refuse_cut(path, table)
    return table


def _refuse_cut(path: Path, table: "pd.DataFrame") -> None:
    """Refuse a file that ends in the middle of a row; pandas fills such a row with NaN. Archives have checksums."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        last = file.read().rpartition(b"\n")[2].decode(errors="replace")
    present = len(next(csv.reader([last]), []))
    if 0 < present < table.shape[1] and table.iloc[-1, present:].isna().all():
        raise SourceError(
            f"{path} ends in the middle of a row ({present} of {table.shape[1]} fields); it was cut short: get it again"
        )


def _read_web(url: str) -> "pd.DataFrame":
    import urllib3

    name = without_password(url)
    try:
        answer = urllib3.request("GET", url, timeout=60, retries=urllib3.Retry(3, backoff_factor=0.5))
    except urllib3.exceptions.HTTPError as error:
        raise UnavailableError(f"{name} cannot be reached ({error}); check address and network, then retry") from error
    if answer.status >= 500:
        raise UnavailableError(f"{name} answers with status {answer.status}; retry later")
    if answer.status != 200:
        raise SourceError(f"{name} answers with status {answer.status}; check the address and who may read it")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(urlsplit(url).path).name
        path.write_bytes(answer.data)
        return _read_file(path)


def _read_objects(source: str) -> "pd.DataFrame":
    parts = urlsplit(source)
    store, key = open_store(f"s3://{parts.netloc}"), parts.path.lstrip("/")
    keys = [name for name in store.list(key) if name.endswith(KINDS)] if key.endswith("/") or not key else [key]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number:05d}-{Path(name).name}" for number, name in enumerate(keys)]
        try:
            for name, path in zip(keys, paths, strict=True):
                store.get_file(name, path)
        except NotFoundError as error:
            raise SourceError(f"{source} does not exist; check bucket and key, and end a folder's with /") from error
        return _read_all(source, paths)


def _read_sql(source: str) -> "pd.DataFrame":
    import pandas as pd
    import sqlalchemy

    expanded = os.path.expandvars(source)
    if missing := re.search(r"\$\{(\w+)\}", expanded):
        raise SourceError(f"{without_password(source)}: the environment variable {missing[1]} is not set; set it")
    url = sqlalchemy.engine.make_url(expanded)
    options = {name: values[0] for name, values in parse_qs(urlsplit(expanded).query).items()}
    query, table = options.get("query"), options.get("table")
    if not (query or table):
        raise SourceError(f"{without_password(source)} names no table; add ?table=NAME or ?query=SELECT…")
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise SourceError(f"{source}: there is no database {url.database}; check the path")
    engine = sqlalchemy.create_engine(url.difference_update_query(["query", "table"]))
    try:
        return pd.read_sql_query(query, engine) if query else pd.read_sql_table(str(table), engine)
    finally:
        engine.dispose()
