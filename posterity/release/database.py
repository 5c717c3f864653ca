"""Data products in an SQL database, where people work: any URL of SQLAlchemy, SQLite and PostgreSQL tested.

A version's rows are appended in one transaction, whole or not at all; which version the view `MODEL_current` shows is
switched in another, and erased they are in a third. All can be repeated.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc

from posterity.data.parquet import read_batches, read_schema
from posterity.data.product import ProductFacts
from posterity.errors import ConflictError, CorruptError, NotFoundError, SettingsError, UnavailableError
from posterity.registry.versions import Version
from posterity.release.tables import CURRENT, METADATA, VERSIONS, fit, table_of
from posterity.store import ObjectStore, Reference

PIECE = 20_000  # rows in memory at once
LOCK = 7_403_117  # of PostgreSQL's advisory locks, the one that lets one process at a time change tables


class Database:
    """Published products. Every method raises UnavailableError when the database cannot be reached, SettingsError
    when it refuses (rights, a URL that is none)."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.name = self.engine.url.render_as_string(hide_password=True)

    def publish(self, store: ObjectStore, version: Version) -> bool:
        """Append the rows of `version`; returns whether they were not there before.

        Raises ConflictError when another product has that number there, CorruptError when rows were changed.
        """
        reference = version.references["product"]
        facts = ProductFacts.from_json(reference.fetch(store))
        base = reference.key.rpartition("/")[0]
        data = Reference(f"{base}/predictions.parquet", facts.predictions_sha256, "predictions").fetch(store)
        with self._transaction() as connection:
            table = fit(connection, version.model, read_schema(data))
            if self._is_published(connection, table, version, facts.rows):
                return False
            for piece in read_batches(data, PIECE):
                _append(connection, table, version.number, piece)
            _refuse_gaps(self.name, table, version, facts.rows, _count(connection, table, version.number))
            connection.execute(sa.insert(VERSIONS).values(_facts(version, facts)))
        return True

    def switch(self, model: str, number: int | None) -> None:
        """Let the view of `model` show version `number`; None: no version at all.

        Raises NotFoundError when it has not been published here.
        """
        mine = CURRENT.c.model == model
        published = sa.select(VERSIONS.c.version).where(VERSIONS.c.model == model, VERSIONS.c.version == number)
        with self._transaction() as connection:
            METADATA.create_all(connection)
            if connection.scalar(sa.select(CURRENT.c.version).where(mine)) == number:
                return
            if number is not None and connection.scalar(published) is None:
                raise NotFoundError(f"{self.name} has no {model}/{number}; promote it, which publishes it there")
            connection.execute(sa.delete(CURRENT).where(mine))
            if number is not None:
                connection.execute(sa.insert(CURRENT).values(model=model, version=number))

    def erase(self, version: Version) -> int:
        """Delete the rows of `version`, and that it was ever published and shown; returns how many there were.

        Another store's product under the same number is left alone.
        """
        table = sa.table(table_of(version.model), sa.column("version"))
        mine = sa.and_(VERSIONS.c.model == version.model, VERSIONS.c.version == version.number)
        shown = sa.and_(CURRENT.c.model == version.model, CURRENT.c.version == version.number)
        with self._transaction() as connection:
            METADATA.create_all(connection)
            if connection.scalar(sa.select(VERSIONS.c.product).where(mine)) != version.product:
                return 0
            connection.execute(sa.delete(CURRENT).where(shown))
            connection.execute(sa.delete(VERSIONS).where(mine))
            return connection.execute(sa.delete(table).where(table.c.version == version.number)).rowcount

    def current(self, model: str) -> int | None:
        """The number of the version that the view of `model` shows, None where it shows none."""
        with self._transaction() as connection:
            if not sa.inspect(connection).has_table(CURRENT.name):
                return None
            found = connection.scalar(sa.select(CURRENT.c.version).where(CURRENT.c.model == model))
            return None if found is None else int(found)

    def _is_published(self, connection: sa.Connection, table: sa.Table, version: Version, rows: int) -> bool:
        mine = sa.and_(VERSIONS.c.model == version.model, VERSIONS.c.version == version.number)
        product = connection.scalar(sa.select(VERSIONS.c.product).where(mine))
        if product is None:
            return False
        if product != version.product:
            raise ConflictError(
                f"{self.name} has another product as {version.label}: another store publishes into it too; "
                "give each store a database of its own"
            )
        _refuse_gaps(self.name, table, version, rows, _count(connection, table, version.number))
        return True

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        """One transaction; errors of the database as errors of ours."""
        try:
            with self.engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
                yield connection
        except (exc.OperationalError, exc.InterfaceError) as error:
            raise UnavailableError(f"{self.name} cannot be used ({_reason(error)}); see to it, then retry") from error
        except exc.SQLAlchemyError as error:
            raise SettingsError(f"{self.name} refuses ({_reason(error)}); check rights and tables") from error


def _engine(url: str) -> sa.Engine:
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
    except (exc.ArgumentError, ModuleNotFoundError) as error:
        raise SettingsError(
            f"POSTERITY_DATABASE_URL is no database that can be used ({type(error).__name__}); write it as SQLAlchemy "
            "does, such as sqlite:///products.db or postgresql://user@host/name, and install its driver"
        ) from error
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        sa.event.listen(engine, "connect", _leave_transactions_to_us)
        sa.event.listen(engine, "begin", _begin)
    return engine


def _leave_transactions_to_us(connection: Any, _: Any) -> None:
    """sqlite3 by itself begins none before a change of tables, which then stays when the rest is undone."""
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten in the file


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _append(connection: sa.Connection, table: sa.Table, number: int, piece: pa.RecordBatch) -> None:
    if connection.dialect.driver == "psycopg":
        _copy(connection, table, number, piece)
    else:
        connection.execute(sa.insert(table), [{"version": number, **row} for row in piece.to_pylist()])


def _copy(connection: sa.Connection, table: sa.Table, number: int, piece: pa.RecordBatch) -> None:
    """PostgreSQL's own way for many rows at once."""
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in ("version", *piece.schema.names))
    command = f"COPY {quote(table.name)} ({columns}) FROM STDIN"
    with connection.connection.cursor() as cursor, cursor.copy(command) as copy:  # type: ignore[attr-defined]
        for row in zip(*(column.to_pylist() for column in piece.columns), strict=True):
            copy.write_row((number, *row))


def _count(connection: sa.Connection, table: sa.Table, number: int) -> int:
    count = sa.select(sa.func.count()).select_from(table).where(table.c.version == number)
    return int(connection.scalar(count) or 0)


def _refuse_gaps(name: str, table: sa.Table, version: Version, expected: int, found: int) -> None:
    if found != expected:
        raise CorruptError(
            f"table {table.name} in {name} has {found:,} rows of {version.label}, not {expected:,}; its rows are never "
            "to be changed: delete those of this version there and in posterity_versions, and publish it again"
        )


def _facts(version: Version, facts: ProductFacts) -> dict[str, Any]:
    days = {"as_of": facts.as_of, "valid_from": facts.valid_from, "valid_until": facts.valid_until}
    return {"model": version.model, "version": version.number, "product": version.product, "rows": facts.rows, **days}


def _reason(error: exc.SQLAlchemyError) -> str:
    """The first line of what the database says; the rest of the text repeats the statement."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return (str(cause).strip().splitlines() or [type(error).__name__])[0]
