import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from posterity.data.connectors import read_source, without_password
from posterity.errors import SourceError, UnavailableError
from posterity.store import open_store
from tests.store.servers import BUCKET, KEYS, free_port, make_bucket, moto

from .shop import sales

WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "sales.csv": lambda table, path: table.to_csv(path, index=False),
    "sales.csv.gz": lambda table, path: table.to_csv(path, index=False),
    "sales.csv.zip": lambda table, path: table.to_csv(path, index=False),
    "sales.parquet": lambda table, path: table.to_parquet(path, index=False),
}


@pytest.fixture(params=WRITERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    WRITERS[request.param](sales(), tmp_path / request.param)
    return tmp_path / str(request.param)


def test_files(path: Path) -> None:
    for source in (str(path), f"file://{path}"):
        pd.testing.assert_frame_equal(read_source(source), sales())


@pytest.mark.parametrize("kept", [0, 0.3, 0.99])
def test_files_cut_short_are_refused(path: Path, kept: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))] if path.suffix != ".csv" else data[: int(kept * (len(data) - 9))])
    with pytest.raises(SourceError, match=f"{path} (cannot be read|ends in the middle of a row)"):
        read_source(str(path))


def test_a_csv_file_cut_in_a_row_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,3\n4,5")
    with pytest.raises(SourceError, match=r"a.csv ends in the middle of a row \(2 of 3 fields\); it was cut short"):
        read_source(str(tmp_path / "a.csv"))


@pytest.mark.parametrize("text", ["x,y\n1,2\n3,4", "x,y\n1,2\n3,\n", 'x,y\n1,"a\nb"', "x,y\n1,2\n\n", "x\n1\n2"])
def test_unusual_ends_of_csv_files_are_whole(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert len(read_source(str(tmp_path / "a.csv"))) > 0


def test_a_column_has_one_type_however_long_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "1\n" * 600_000 + "word\n")
    assert read_source(str(tmp_path / "a.csv"))["x"].map(type).unique().tolist() == [str]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    sales().iloc[2:].to_parquet(tmp_path / "2.parquet", index=False)
    sales().iloc[:2].to_csv(tmp_path / "1.csv", index=False)
    (tmp_path / "README.md").write_text("no table")
    pd.testing.assert_frame_equal(read_source(str(tmp_path)), sales())


def test_a_folder_whose_files_differ_is_refused(tmp_path: Path) -> None:
    sales().to_csv(tmp_path / "1.csv", index=False)
    sales().rename(columns={"day": "date"}).to_csv(tmp_path / "2.csv", index=False)
    with pytest.raises(SourceError, match=r"1.csv and 2.csv do not have the same columns \(see date, day\)"):
        read_source(str(tmp_path))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist; check the path"),
        (lambda path: path.mkdir(), "holds no .csv"),
        (lambda path: path.write_text(""), "is of no kind that can be read; there are .csv"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    make(tmp_path / "sales.xls")
    with pytest.raises(SourceError, match=f"{tmp_path}/sales.xls {message}"):
        read_source(str(tmp_path / "sales.xls"))


@pytest.mark.parametrize("text", ["x,y\n", "", "\n\n"])
def test_files_without_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SourceError, match=r"a.csv"):
        read_source(str(tmp_path / "a.csv"))


def test_no_source() -> None:
    with pytest.raises(SourceError, match="name one with --source"):
        read_source("")


def test_noise_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x,y\n\xff\xfe\x00,1\n")
    with pytest.raises(SourceError, match=r"a.csv cannot be read: .*utf-8"):
        read_source(str(tmp_path / "a.csv"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        sales().to_sql("sales", connection, index=False)
    connection.close()
    return path


def test_databases(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_source(f"sqlite:///{database}?table=sales")
    pd.testing.assert_frame_equal(whole, sales(), check_dtype=False)
    query = f"sqlite:///{database}?query=SELECT%20amount%20FROM%20sales%20WHERE%20day%20LIKE%20'%25-3%25'%20AND%20amount%20<%205"
    assert read_source(query)["amount"].tolist() == [3.5]
    monkeypatch.setenv("SHOP_DB", str(database))
    assert len(read_source("sqlite:///${SHOP_DB}?query=SELECT day FROM sales")) == 4


def test_what_is_wrong_with_a_database_is_said(database: Path, tmp_path: Path) -> None:
    for source, message in {
        f"sqlite:///{database}": "names no table; add .table=NAME or .query=",
        f"sqlite:///{database}?table=orders": "cannot be read: .*orders",
        f"sqlite:///{database}?query=SELECT nothing FROM sales": "cannot be read: .*nothing",
        f"sqlite:///{database}?query=SELECT * FROM sales WHERE amount > 1e9": "holds no rows",
        f"sqlite:///{tmp_path}/other.db?table=sales": "there is no database .*other.db; check the path",
        "sqlite:///${NO_SUCH_PLACE}?table=sales": "environment variable NO_SUCH_PLACE is not set",
        "nothing://host/db?table=sales": "cannot be read: .*nothing",
    }.items():
        with pytest.raises(SourceError, match=message):
            read_source(source)
    assert not (tmp_path / "other.db").exists()


def test_passwords_are_not_shown() -> None:
    with pytest.raises(SourceError) as caught:
        read_source("nothing://me:secret@host/db?table=sales")
    assert "secret" not in str(caught.value)
    assert (
        without_password("postgresql://me:se:cr/et@host:5432/db?table=x") == "postgresql://me:***@host:5432/db?table=x"
    )
    for source in ("s3://bucket/a@b.csv", "https://host:80/a:b.csv", "/home/a:b@c.csv", "sqlite:///a.db?table=b"):
        assert without_password(source) == source


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_web(path: Path, web: str) -> None:
    pd.testing.assert_frame_equal(read_source(f"{web}/{path.name}?version=3"), sales())
    with pytest.raises(SourceError, match=r"nothing.csv answers with status 404; check the address"):
        read_source(f"{web}/nothing.csv")


def test_a_web_server_that_is_away_may_be_tried_again() -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        read_source(f"http://127.0.0.1:{free_port()}/sales.csv")


def test_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with moto() as endpoint:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        make_bucket(endpoint)
        store = open_store(f"s3://{BUCKET}")
        for name, part in {"1.csv": sales().iloc[:2], "2.csv": sales().iloc[2:]}.items():
            store.overwrite(f"shop/{name}", part.to_csv(index=False).encode())
        pd.testing.assert_frame_equal(read_source(f"s3://{BUCKET}/shop/"), sales())
        pd.testing.assert_frame_equal(read_source(f"s3://{BUCKET}/shop/1.csv"), sales().iloc[:2])
        with pytest.raises(SourceError, match=f"s3://{BUCKET}/shop/3.csv does not exist; check bucket and key"):
            read_source(f"s3://{BUCKET}/shop/3.csv")
        with pytest.raises(SourceError, match=r"holds no .csv"):
            read_source(f"s3://{BUCKET}/none/")
