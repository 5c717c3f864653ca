"""Reading predictions from a running server."""

import gzip
import io
import json
from itertools import chain
from urllib.parse import urlencode

import pandas as pd
import pytest

from posterity.registry import versions
from posterity.store import ObjectStore
from tests.server.process import Server
from tests.server.products import published

HERE = "/v1/products/shop/predictions"


@pytest.fixture(scope="module")
def rows(shared_store: ObjectStore) -> pd.DataFrame:
    return published(shared_store, versions.get(shared_store, "shop/2"))


def test_every_published_row_is_answered_as_it_was_registered(running: Server, rows: pd.DataFrame) -> None:
    for row in rows.to_dict("records"):
        answer = running.get(f"{HERE}/{row['shop']}")
        assert answer.json["prediction"] == row
    assert running.get(HERE).json["predictions"] == rows.to_dict("records")


def test_every_answer_says_when_it_was_made_and_how_long_it_is_valid(running: Server) -> None:
    for path in (f"{HERE}/a", HERE, f"{HERE}.csv", "/v1/products/shop"):
        headers = running.get(path).headers
        assert headers["posterity-version"] == "shop/2"
        assert "posterity-expired" not in headers
        days = dict(part.split("=") for part in headers["posterity-validity"].split("; "))
        assert days["as-of"] < days["valid-from"] < days["valid-until"]
    said = running.get(f"{HERE}/a").json
    assert said["valid_until"] == running.get(HERE).json["valid_until"] == days["valid-until"]
    assert (said["model"], said["version"], said["expired"]) == ("shop", 2, False)


def test_what_has_expired_is_marked(running: Server) -> None:
    answer = running.get("/v1/products/shop/versions/1/predictions/a")
    assert (answer.status, answer.json["expired"], answer.headers["posterity-expired"]) == (200, True, "true")
    assert running.get("/v1/products/shop/versions/1").json["expired"] is True
    assert running.get("/v1/products/shop/versions/1/predictions").json["expired"] is True


def test_a_copy_is_not_sent_again(running: Server) -> None:
    for path in (f"{HERE}/a", HERE, f"{HERE}.parquet", "/v1/products", "/v1/products/shop"):
        first = running.get(path)
        again = running.get(path, if_none_match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    tags = {running.get(path).headers["etag"] for path in (f"{HERE}/a", f"{HERE}/b", HERE, f"{HERE}?limit=2&page=2.2")}
    assert len(tags) == 4
    other = running.get(
        "/v1/products/shop/versions/1/predictions/a", if_none_match=running.get(f"{HERE}/a").headers["etag"]
    )
    assert other.status == 200


def test_answers_are_compressed_where_it_is_understood(running: Server) -> None:
    plain, zipped = running.get(HERE), running.get(HERE, accept_encoding="gzip")
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert "accept-encoding" in plain.headers["vary"]
    assert running.get(HERE, accept_encoding="gzip", if_none_match=zipped.headers["etag"]).status == 304
    short = running.get(f"{HERE}/a", accept_encoding="gzip")
    assert "content-encoding" not in short.headers


def test_pages_follow_each_other_to_the_end(running: Server, rows: pd.DataFrame) -> None:
    path: str | None = f"{HERE}?limit=4"
    found = []
    while path:
        answer = running.get(path)
        assert answer.json["rows"] == 6
        found.append(answer.json["predictions"])
        path = answer.json["next"]
        assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
    assert [len(page) for page in found] == [4, 2]
    assert list(chain(*found)) == rows.to_dict("records")
    beyond = running.get(f"{HERE}?page=2.99").json
    assert (beyond["predictions"], beyond["next"]) == ([], None)


def test_a_page_stays_with_the_version_that_the_first_was_from(running: Server, rows: pd.DataFrame) -> None:
    old = running.get(f"{HERE}?limit=3&page=1.3")
    assert (old.status, old.json["version"], len(old.json["predictions"])) == (200, 1, 3)
    assert running.get("/v1/products/shop/versions/2/predictions?page=1.3").json["code"] == "other_page"


def test_rows_are_filtered_by_key_columns(running: Server, rows: pd.DataFrame) -> None:
    some = running.get(f"{HERE}?{urlencode([('shop', 'e'), ('shop', 'b'), ('limit', 1)])}").json
    assert (some["rows"], [row["shop"] for row in some["predictions"]]) == (2, ["b"])
    rest = running.get(some["next"]).json
    assert (rest["predictions"], rest["next"]) == (rows[rows["shop"] == "e"].to_dict("records"), None)


def test_tables_come_whole_unless_a_part_is_asked_for(
    running: Server, shared_store: ObjectStore, rows: pd.DataFrame
) -> None:
    whole = running.get(HERE, accept="application/vnd.apache.parquet")
    folder = versions.get(shared_store, "shop/2").references["product"].key.rpartition("/")[0]
    assert whole.body == shared_store.get(f"{folder}/predictions.parquet"), "the registered file, to the byte"
    assert whole.headers["content-disposition"] == 'attachment; filename="shop-2.parquet"'
    part = pd.read_parquet(io.BytesIO(running.get(f"{HERE}.parquet?shop=c&shop=d").body))
    pd.testing.assert_frame_equal(part, rows.iloc[2:4].reset_index(drop=True))
    text = running.get(HERE, accept="text/csv")
    assert text.headers["content-type"].startswith("text/csv")
    assert running.get(f"{HERE}.csv").body == text.body
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(text.body)), rows)
    first = running.get(f"{HERE}.csv?limit=1&page=2.4")
    assert len(first.body.splitlines()) == 2
    assert "page=2.5" in first.headers["link"]


def test_head_is_answered_without_a_body(running: Server) -> None:
    answer = running.ask("HEAD", f"{HERE}/a")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["etag"] == running.get(f"{HERE}/a").headers["etag"]


def test_a_version_that_is_not_in_memory_is_read_when_it_is_asked_for(running: Server, rows: pd.DataFrame) -> None:
    old = running.get("/v1/products/shop/versions/1/predictions").json
    assert [row["shop"] for row in old["predictions"]] == list("abcdef")
    assert old["predictions"] == json.loads(json.dumps(old["predictions"]))
