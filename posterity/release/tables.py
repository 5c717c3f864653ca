"""The tables of published products in an SQL database.

MODEL_products     every row of every published version, append-only: `version` and the columns of the product
MODEL_current      a view: the rows of the version in production, with the days that they are valid for
posterity_versions one row per published version; what is not here has not been published
posterity_current  the version of each model that its view shows
"""

import re
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn

from posterity.errors import RefusedError

METADATA = sa.MetaData()
NAME = sa.String(255)
VERSIONS = sa.Table(
    "posterity_versions",
    METADATA,
    sa.Column("model", NAME, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_until", sa.Date, nullable=False),
    sa.Column("product", sa.String(64), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("published", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.current_timestamp()),
)
CURRENT = sa.Table(
    "posterity_current",
    METADATA,
    sa.Column("model", NAME, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.current_timestamp()),
)
# Databases that want to know how long a text can be; the others do not care.
TEXT = sa.Text().with_variant(sa.String(255), "mysql", "mariadb", "mssql", "oracle")
BESIDE = ("version", "as_of", "valid_from", "valid_until")  # columns of the view that are not the product's


def plain(model: str) -> str:
    """A model's name in letters that need no quotes in SQL."""
    return re.sub(r"\W", "_", model).lower()


def table_of(model: str) -> str:
    """The name of the table with the rows of all versions of a model."""
    return f"{plain(model)}_products"


def column_of(field: pa.Field) -> sa.Column[Any]:
    """The SQL column of a column of a product. Raises RefusedError where there is none."""
    if field.name in BESIDE:
        raise RefusedError(f"a product's column cannot be called {field.name} in a database; rename it in the model")
    for test, kind in KINDS:
        if test(field.type):
            return sa.Column(field.name, kind)
    raise RefusedError(f"column {field.name} of a product is {field.type}, for which databases have no type")


def _text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or (pa.types.is_dictionary(kind) and _text(kind.value_type))
    )


KINDS: tuple[tuple[Any, sa.types.TypeEngine[Any]], ...] = (
    (pa.types.is_boolean, sa.Boolean()),
    (pa.types.is_integer, sa.BigInteger()),
    (pa.types.is_floating, sa.Double()),
    (_text, TEXT),
    (pa.types.is_date, sa.Date()),
    (lambda kind: pa.types.is_timestamp(kind) and kind.tz is None, sa.DateTime()),
    (pa.types.is_timestamp, sa.DateTime(timezone=True)),
)


def fit(connection: sa.Connection, model: str, schema: pa.Schema) -> sa.Table:
    """The table of `model` with room for the columns of `schema`, made or widened in the connection's transaction.

    Raises RefusedError naming a column that is there with another type.
    """
    METADATA.create_all(connection)
    wanted = [column_of(field) for field in schema]
    name = table_of(model)
    if not sa.inspect(connection).has_table(name):
        table = sa.Table(name, sa.MetaData(), sa.Column("version", sa.Integer, nullable=False, index=True), *wanted)
        table.create(connection)
        _show(connection, model, table)
        return table
    there = {column["name"]: column["type"] for column in sa.inspect(connection).get_columns(name)}
    if "version" not in there:
        raise RefusedError(f"the database has a table {name} of somebody else; move it, or name another database")
    new = [column for column in wanted if column.name not in there]
    _refuse_others(name, wanted, there)
    table = sa.Table(name, sa.MetaData(), *(sa.Column(column, kind) for column, kind in there.items()), *new)
    for column in new:
        text = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {_quoted(connection, name)} ADD COLUMN {text}")
    if new:
        _show(connection, model, table)
    return table


def _refuse_others(name: str, wanted: list[sa.Column[Any]], there: dict[str, sa.types.TypeEngine[Any]]) -> None:
    """Numbers that would be rounded, or text that would be none, never get into a column silently."""
    for column in wanted:
        before = there.get(column.name)
        if before is not None and not issubclass(before.python_type, column.type.python_type):
            fits = before.python_type is float and column.type.python_type is int
            if not fits:
                raise RefusedError(
                    f"column {column.name} of table {name} holds {before}, and this version has {column.type}; "
                    "give the column another name in the model, or move the table out of the way"
                )


def _show(connection: sa.Connection, model: str, table: sa.Table) -> None:
    """(Re)define the view of the version in production. New columns come last, so that PostgreSQL keeps the view, and
    with it who may read it."""
    own = [column for column in table.columns if column.name != "version"]
    shown = (
        sa.select(table.c.version, VERSIONS.c.as_of, VERSIONS.c.valid_from, VERSIONS.c.valid_until, *own)
        .join(CURRENT, sa.and_(CURRENT.c.model == model, CURRENT.c.version == table.c.version))
        .join(VERSIONS, sa.and_(VERSIONS.c.model == model, VERSIONS.c.version == table.c.version))
    )
    query = shown.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    view = _quoted(connection, f"{plain(model)}_current")
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view}")
        connection.exec_driver_sql(f"CREATE VIEW {view} AS {query}")
    else:
        connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {view} AS {query}")


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
