"""Read a table from wherever a team keeps it: CSV and Parquet files, S3 objects, SQL databases."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from posterity.errors import NotFoundError, PosterityError, SourceError
from posterity.store import open_store

if TYPE_CHECKING:
    import pandas as pd

TABLES = (".csv", ".csv.gz", ".csv.zip", ".parquet")


def read_source(source: str) -> "pd.DataFrame":
    """The table behind `source`.

    A path to a .csv, .csv.gz, .csv.zip or .parquet file or to a folder of them (read in the order of their names);
    `s3://bucket/key` of such a file; or an SQLAlchemy URL with `?table=NAME` or `?query=SELECT…`.

    Raises SourceError naming the source, what is wrong with it and what to do.
    """
    if not source:
        raise SourceError("no source is given and the model has no default; name one with --source")
    scheme = urlsplit(source).scheme
    try:
        if scheme in {"", "file"}:
            table = _read_path(Path(urlsplit(source).path if scheme else source))
        elif scheme == "s3":
            table = _read_object(source)
        else:
            table = _read_sql(source)
    except PosterityError:
        raise
    except Exception as error:
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SourceError(f"{source} cannot be read: {text}; check that the file or query is whole") from error
    if table.empty:
        raise SourceError(f"{source} holds no rows; nothing is stored and the last product stays as it is")
    return table


def _read_path(path: Path) -> "pd.DataFrame":
    if path.is_dir():
        import pandas as pd

        parts = [part for part in sorted(path.iterdir()) if part.name.endswith(TABLES)]
        if not parts:
            raise SourceError(f"{path} is a folder without any {', '.join(TABLES)} file")
        return pd.concat([_read_file(part) for part in parts], ignore_index=True)
    if not path.exists():
        raise SourceError(f"{path} does not exist; check the path (stages run in {Path.cwd()})")
    return _read_file(path)


def _read_file(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if path.name.endswith(".parquet"):
        return pd.read_parquet(path)
    if path.name.endswith(TABLES):
        return pd.read_csv(path)
    raise SourceError(f"{path} is of no kind that can be read; there are {', '.join(TABLES)}")


def _read_object(source: str) -> "pd.DataFrame":
    parts = urlsplit(source)
    name = Path(parts.path).name
    with tempfile.TemporaryDirectory() as folder:
        try:
            open_store(f"s3://{parts.netloc}").get_file(parts.path.strip("/"), Path(folder) / name)
        except NotFoundError as error:
            raise SourceError(f"{source} does not exist; check bucket and key") from error
        return _read_file(Path(folder) / name)


def _read_sql(source: str) -> "pd.DataFrame":
    import pandas as pd
    import sqlalchemy

    url = sqlalchemy.engine.make_url(source)
    options = {name: values[0] for name, values in parse_qs(urlsplit(source).query).items()}
    query, table = options.get("query"), options.get("table")
    if not (query or table):
        raise SourceError(f"{source} names no table; add ?table=NAME or ?query=SELECT…")
    engine = sqlalchemy.create_engine(url.difference_update_query(["query", "table"]))
    try:
        return pd.read_sql(sqlalchemy.text(query), engine) if query else pd.read_sql_table(str(table), engine)
    finally:
        engine.dispose()
