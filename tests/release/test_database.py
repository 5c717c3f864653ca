import datetime
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from posterity.errors import (
    ConflictError,
    CorruptError,
    NotFoundError,
    RefusedError,
    SettingsError,
    UnavailableError,
)
from posterity.release.database import Database
from posterity.store.directory import DirectoryStore
from tests.release.products import predictions, register

BESIDE = ["version", "as_of", "valid_from", "valid_until"]


@pytest.fixture
def database(database_url: str) -> Database:
    return Database(database_url)


def read(database: Database, query: str) -> pd.DataFrame:
    with database.engine.connect() as connection:
        return pd.read_sql_query(sa.text(query), connection)


def shown(database: Database) -> pd.DataFrame:
    return read(database, "SELECT * FROM flights_current ORDER BY dest")


def execute(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_the_view_shows_every_row_to_the_bit_with_its_validity(store, database):
    table = predictions(50, late=[None, *(0.1 + 0.2 for _ in range(49))], seen=True)
    version = register(store, table)
    assert database.publish(store, version) is True
    assert shown(database).empty
    database.switch("flights", 1)
    assert database.current("flights") == 1
    rows = shown(database)
    expected = table.sort_values("dest", ignore_index=True)
    pd.testing.assert_frame_equal(rows[list(table)].astype(table.dtypes), expected, check_exact=True)
    assert list(rows.columns) == [*BESIDE, *table.columns]
    assert set(rows["version"]) == {1}
    assert {str(day) for day in rows["valid_until"]} == {"2013-04-30"}
    assert {str(day) for day in rows["as_of"]} == {"2013-03-31"}


def test_versions_are_kept_and_the_view_is_switched_between_them(store, database):
    for seed in (1, 2):
        database.publish(store, register(store, predictions(7 + seed, seed)))
    for number, rows in ((1, 8), (2, 9), (1, 8)):
        database.switch("flights", number)
        assert (database.current("flights"), len(shown(database))) == (number, rows)
    database.switch("flights", None)
    assert (database.current("flights"), len(shown(database))) == (None, 0)
    assert len(read(database, "SELECT * FROM flights_products")) == 17


def test_a_repetition_changes_nothing(store, database):
    version = register(store, predictions())
    database.publish(store, version)
    database.switch("flights", 1)
    before = read(database, "SELECT * FROM posterity_current"), read(database, "SELECT * FROM posterity_versions")
    assert database.publish(store, version) is False
    database.switch("flights", 1)
    after = read(database, "SELECT * FROM posterity_current"), read(database, "SELECT * FROM posterity_versions")
    for a, b in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(a, b)
    assert len(read(database, "SELECT * FROM flights_products")) == 7


def test_a_new_column_widens_table_and_view_and_is_empty_in_older_versions(store, database):
    database.publish(store, register(store, predictions()))
    database.publish(store, register(store, predictions(seed=2, night=["yes"] * 7)))
    database.switch("flights", 1)
    assert shown(database)["night"].isna().all()
    database.switch("flights", 2)
    assert set(shown(database)["night"]) == {"yes"}
    # A version without the column that an earlier one had is published too.
    database.publish(store, register(store, predictions(seed=3)))
    database.switch("flights", 3)
    assert shown(database)["night"].isna().all()


def test_who_may_read_the_view_may_still_when_it_is_widened(store, postgres, tmp_path):
    from tests.release.conftest import new_database

    database = Database(new_database(postgres, tmp_path.name))
    database.publish(store, register(store, predictions()))
    database.switch("flights", 1)
    execute(database, "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    execute(database, "GRANT SELECT ON flights_current TO reader")
    database.publish(store, register(store, predictions(seed=2, night=1.5)))
    database.switch("flights", 2)
    reader = Database(str(database.engine.url).replace("posterity@", "reader@"))
    assert list(shown(reader)["night"]) == [1.5] * 7
    with pytest.raises(SettingsError, match="permission denied"):
        reader.publish(store, register(store, predictions(seed=3)))


@pytest.mark.parametrize("column", ["flights", "dest"])
def test_a_column_that_changed_its_type_is_refused_by_name(store, database, column):
    database.publish(store, register(store, predictions()))
    other = register(store, predictions(seed=2, **{column: [0.5] * 7}))
    with pytest.raises(RefusedError, match=f"column {column} of table flights_products"):
        database.publish(store, other)
    assert len(read(database, "SELECT * FROM flights_products")) == 7


def test_whole_numbers_fit_into_a_column_of_decimal_ones(store, database):
    database.publish(store, register(store, predictions()))
    database.publish(store, register(store, predictions(seed=2, share_mean=[1] * 7)))
    database.switch("flights", 2)
    assert list(shown(database)["share_mean"]) == [1.0] * 7


def test_a_column_that_would_hide_the_validity_is_refused(store, database):
    with pytest.raises(RefusedError, match="cannot be called valid_from"):
        database.publish(store, register(store, predictions(valid_from=1)))


def test_a_column_without_a_type_is_refused(store, database):
    version = register(store, predictions(wait=pd.to_timedelta([1] * 7, unit="s")))
    with pytest.raises(RefusedError, match="column wait"):
        database.publish(store, version)


def test_the_product_of_another_store_under_the_same_number_is_refused(store, database, tmp_path):
    database.publish(store, register(store, predictions()))
    other = DirectoryStore(tmp_path / "other")
    with pytest.raises(ConflictError, match="another product as flights/1"):
        database.publish(other, register(other, predictions(seed=2)))


def test_rows_changed_by_hand_are_noticed(store, database):
    version = register(store, predictions())
    database.publish(store, version)
    first = str(predictions()["dest"][0]).replace("'", "''")
    execute(database, f"DELETE FROM flights_products WHERE dest = '{first}'")
    with pytest.raises(CorruptError, match="has 6 rows of flights/1, not 7"):
        database.publish(store, version)


def test_a_product_with_fewer_rows_than_it_says_is_not_published(store, database):
    import json

    from posterity.registry.versions import Version

    version = register(store, predictions())
    reference = version.references["product"]
    facts = json.loads(reference.fetch(store)) | {"rows": 8}
    key = reference.key.replace("product.json", "other.json")
    from posterity.store.reference import store_bytes

    lying = store_bytes(store, key, json.dumps(facts).encode(), "product")
    wrong = Version(**{**vars(version), "references": {**version.references, "product": lying}})
    with pytest.raises(CorruptError, match="has 7 rows of flights/1, not 8"):
        database.publish(store, wrong)
    assert not sa.inspect(database.engine).has_table("flights_products")


def test_only_what_is_published_can_be_shown(store, database):
    database.publish(store, register(store, predictions()))
    database.switch("flights", 1)
    with pytest.raises(NotFoundError, match="has no flights/2"):
        database.switch("flights", 2)
    assert database.current("flights") == 1


def test_what_is_erased_is_nowhere_in_the_database_and_what_is_not_stays(store, database):
    secret, other = "Kilimandscharo", "Matterhorn"
    gone, kept = (register(store, predictions(seed=seed, note=[name] * 7)) for seed, name in ((1, secret), (2, other)))
    for version in (gone, kept):
        database.publish(store, version)
    database.switch("flights", 1)
    assert database.erase(gone) == 7
    assert database.erase(gone) == 0
    assert database.current("flights") is None
    assert shown(database).empty
    assert set(read(database, "SELECT * FROM flights_products")["note"]) == {other}
    assert list(read(database, "SELECT * FROM posterity_versions")["version"]) == [2]
    if database.engine.dialect.name == "sqlite":
        data = Path(database.engine.url.database).read_bytes()
        assert other.encode() in data
        assert secret.encode() not in data


def test_the_product_of_another_store_is_not_erased(store, database, tmp_path):
    database.publish(store, register(store, predictions()))
    other = DirectoryStore(tmp_path / "other")
    assert database.erase(register(other, predictions(seed=2))) == 0
    assert len(read(database, "SELECT * FROM flights_products")) == 7


def test_nothing_is_erased_where_nothing_was_published(store, database):
    assert database.erase(register(store, predictions())) == 0


def test_a_table_of_somebody_else_is_left_alone(store, database):
    execute(database, "CREATE TABLE flights_products (tail VARCHAR(6))")
    with pytest.raises(RefusedError, match="table flights_products of somebody else"):
        database.publish(store, register(store, predictions()))


def test_two_at_once_publish_once(store, database_url):
    version = register(store, predictions(300))
    outcomes: list[bool] = []

    def publish() -> None:
        outcomes.append(Database(database_url).publish(store, version))

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, False, False, True]
    assert len(read(Database(database_url), "SELECT * FROM flights_products")) == 300


def test_readers_see_one_whole_version_while_the_view_is_switched(store, database):
    for seed, rows in ((1, 40), (2, 90)):
        database.publish(store, register(store, predictions(rows, seed, late=float(seed))))
    database.switch("flights", 1)
    ended = threading.Event()
    seen: set[tuple[int, float, float]] = set()

    def look() -> None:
        engine = sa.create_engine(database.engine.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            while not ended.is_set():
                row = connection.exec_driver_sql("SELECT count(*), min(late), max(late) FROM flights_current").one()
                seen.add(tuple(row))

    reader = threading.Thread(target=look)
    reader.start()
    for number in [2, 1] * 20:
        database.switch("flights", number)
        time.sleep(0.005)
    ended.set()
    reader.join()
    assert seen == {(40, 1.0, 1.0), (90, 2.0, 2.0)}


KILLED = """
import os, sys
from pathlib import Path
from posterity.registry import versions
from posterity.release import database
from posterity.store.directory import DirectoryStore

database.PIECE = 10
whole = database._append

def append(connection, table, number, piece):
    whole(connection, table, number, piece)
    append.pieces += 1
    if append.pieces == 3:
        os.kill(os.getpid(), 9)

append.pieces = 0
database._append = append
store = DirectoryStore(Path(sys.argv[1]))
database.Database(sys.argv[2]).publish(store, versions.get(store, "flights/1"))
"""


def test_killed_while_it_appends_nothing_is_there_and_the_repetition_is_whole(store, database_url):
    version = register(store, predictions(50))
    command = [sys.executable, "-c", KILLED, str(store.root), database_url]
    assert subprocess.run(command, check=False).returncode == -9
    database = Database(database_url)
    inspector = sa.inspect(database.engine)
    assert not inspector.has_table("flights_products") or read(database, "SELECT * FROM flights_products").empty
    assert database.publish(store, version) is True
    database.switch("flights", 1)
    assert len(shown(database)) == 50


def test_a_database_that_is_away_may_be_tried_again(store):
    from tests.release.conftest import free_port

    url = f"postgresql://me:secret@127.0.0.1:{free_port()}/products"
    with pytest.raises(UnavailableError, match="cannot be used") as caught:
        Database(url).publish(store, register(store, predictions()))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "products.db", "nosuch://host/name", "oracle://me@host/name"])
def test_what_is_no_url_of_a_database_is_refused(url):
    with pytest.raises(SettingsError, match="POSTERITY_DATABASE_URL"):
        Database(url)


def test_dates_and_times_are_kept_as_such(store, database):
    moments = pd.to_datetime(["2013-04-01 05:30"] * 7)
    table = predictions(day=[datetime.date(2013, 4, 1)] * 7, leaves=moments)
    database.publish(store, register(store, table))
    kinds = {column["name"]: column["type"] for column in sa.inspect(database.engine).get_columns("flights_products")}
    assert isinstance(kinds["day"], sa.Date)
    assert isinstance(kinds["leaves"], sa.DateTime)
    database.switch("flights", 1)
    assert set(pd.to_datetime(shown(database)["leaves"])) == {pd.Timestamp("2013-04-01 05:30")}
