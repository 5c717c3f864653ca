"""Rows are found by what people type."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterity.server.rows import Rows
from posterity.server.search import Index
from tests.server.process import Server

ROUTES = [
    ("AA", "JFK", "LAX"),
    ("AA", "EWR", "AAX"),
    ("UA", "EWR", "LAX"),
    ("EV", "LGA", "São Paulo"),
    ("UA", "JFK", "1"),
]
SHARES = [0.1, 0.5, np.nan, 0.3, 0.2]


def index(keys: list[tuple[str, ...]], ranked: list[float]) -> Index:
    names = [f"k{place}" for place in range(len(keys[0]))]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(pd.DataFrame(keys, columns=names).assign(mean=ranked)), buffer)
    return Index(Rows(buffer.getvalue(), names), "mean")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", [1, 3, 4, 0, 2]),  # the largest first, what is no number last
        ("aa", [1, 0]),
        ("ewr", [1, 2]),
        ("lax aa", [0]),
        ("ax", [1, 0, 2]),
        ("aax", [1]),
        ("SÃO", [3]),
        ("paulo", [3]),
        ("ewr jfk", []),
        ("nowhere", []),
    ],
)
def test_every_word_must_fit_and_the_largest_come_first(text: str, places: list[int]) -> None:
    assert index(ROUTES, SHARES).search(text.split()).tolist() == places


def test_a_whole_value_goes_before_the_begin_of_one_and_that_before_a_part() -> None:
    keys = [("bAA", "x"), ("AAb", "x"), ("AA", "x")]
    assert index(keys, [3.0, 2.0, 1.0]).search(["aa"]).tolist() == [2, 1, 0]


words = st.text("ab1", min_size=1, max_size=3)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=12), st.lists(words, max_size=3))
def test_what_is_found_is_what_a_scan_finds(keys: list[tuple[str, str]], asked: list[str]) -> None:
    found = index(keys, list(range(len(keys)))).search(asked)
    assert sorted(found.tolist()) == [
        place for place, key in enumerate(keys) if all(any(word in text for text in key) for word in asked)
    ]


def test_search_answers_with_rows(running: Server) -> None:
    said = running.get("/v1/products/shop/search?q=B&limit=3").json
    assert (said["keys"], said["rows"], said["version"]) == (["shop"], 1, 2)
    assert said["predictions"] == [running.get("/v1/products/shop/predictions/b").json["prediction"]]
    every = running.get("/v1/products/shop/search").json
    means = [row["sales_mean"] for row in every["predictions"]]
    assert means == sorted(means, reverse=True)
    assert every["rows"] == len(means) == 6
    short = running.get("/v1/products/shop/versions/1/search?q=,&limit=2").json
    assert (short["version"], short["rows"], len(short["predictions"])) == (1, 6, 2)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "shop=a", f"q={'a' * 201}"])
def test_a_search_that_makes_no_sense_is_refused(running: Server, query: str) -> None:
    assert running.get(f"/v1/products/shop/search?{query}").status == 400


def test_a_product_that_may_not_be_read_cannot_be_searched(running: Server) -> None:
    assert running.get("/v1/products/strict/search").json["code"] == "expired"
