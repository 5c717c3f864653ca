"""Requests of the Open Inference Protocol that are wrong, and what is said of them."""

import json
from typing import Any

import pytest

from posterity.server.errors import RequestError
from posterity.server.protocol import parse_request

TENSOR = {"name": "shop", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}


def parse(value: Any) -> Any:
    return parse_request(value if isinstance(value, bytes) else json.dumps(value).encode())


def test_columns_come_as_rows_or_as_a_matrix_with_one_column() -> None:
    request = parse({"id": "7", "inputs": [TENSOR, {**TENSOR, "name": "n", "shape": [2, 1], "data": [["a"], ["b"]]}]})
    assert request.identifier == "7"
    assert request.columns == {"shop": ["a", "b"], "n": ["a", "b"]}
    assert parse({"inputs": [{**TENSOR, "shape": [2, 1]}], "outputs": [{"name": "x"}]}).outputs == ["x"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is no JSON"),
        (b"\xff\xfe", "the body is no JSON"),
        (b'{"inputs": [NaN]}', "the body is no JSON"),
        ([], "must be a JSON object"),
        ("text", "must be a JSON object"),
        ({}, "`inputs` must be a list"),
        ({"inputs": []}, "`inputs` must be a list"),
        ({"inputs": {"shop": ["a"]}}, "`inputs` must be a list"),
        ({"inputs": ["a"]}, "`inputs` must be a list"),
        ({"inputs": [{}]}, "an input needs `name`"),
        ({"inputs": [{**TENSOR, "data": "ab"}]}, "an input needs `name`"),
        ({"inputs": [{**TENSOR, "name": 3}]}, "an input needs `name`"),
        ({"inputs": [{**TENSOR, "shape": 2}]}, "shape of 'shop' is no list of sizes"),
        ({"inputs": [{**TENSOR, "shape": [-2]}]}, "shape of 'shop' is no list of sizes"),
        ({"inputs": [{**TENSOR, "shape": [True]}]}, "shape of 'shop' is no list of sizes"),
        ({"inputs": [{**TENSOR, "shape": []}]}, "inputs are columns"),
        ({"inputs": [{**TENSOR, "shape": [1, 2]}]}, "inputs are columns"),
        ({"inputs": [{**TENSOR, "shape": [3]}]}, "'shop' has 2 values and the shape"),
        ({"inputs": [{**TENSOR, "shape": [0], "data": []}]}, "'shop' has no rows"),
        ({"inputs": [{**TENSOR, "datatype": "STRING"}]}, "there is no datatype 'STRING'"),
        ({"inputs": [{**TENSOR, "datatype": "INT64"}]}, "datatype INT64, and 'a' in row 0 is none"),
        ({"inputs": [{**TENSOR, "data": ["a", 1]}]}, "datatype BYTES, and 1 in row 1 is none"),
        ({"inputs": [{**TENSOR, "data": ["a", None]}]}, "datatype BYTES, and None in row 1 is none"),
        ({"inputs": [{**TENSOR, "data": [["a"], ["b"]]}]}, "is none"),
        ({"inputs": [TENSOR, TENSOR]}, "the input 'shop' is there twice"),
        ({"inputs": [TENSOR], "id": 7}, "`id` must be text"),
        ({"inputs": [TENSOR], "parameters": [1]}, "`parameters` an object"),
        ({"inputs": [TENSOR], "outputs": "mean"}, "`outputs` must be a list"),
        ({"inputs": [TENSOR], "outputs": [{}]}, "`outputs` must be a list"),
    ],
)
def test_what_is_wrong_is_named(body: Any, reason: str) -> None:
    with pytest.raises(RequestError, match=reason) as refused:
        parse(body)
    assert refused.value.status == 400


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(RequestError, match="10,001 rows are more than 10,000") as refused:
        parse({"inputs": [{**TENSOR, "shape": [10_001], "data": ["a"] * 10_001}]})
    assert refused.value.status == 413
