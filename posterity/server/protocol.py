"""The Open Inference Protocol v2 (https://kserve.github.io/open-inference-protocol): requests and answers in JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from posterity.data.product import LEVELS
from posterity.scoring.columns import Columns
from posterity.scoring.scorer import Question, Scorer
from posterity.server.errors import RequestError

MOST = 10_000  # rows of a request
MOST_LEVELS = 20
QUANTILES, THRESHOLD = "quantiles", "threshold"
DATATYPES = {"i": "INT64", "u": "UINT64", "f": "FP64", "b": "BOOL"}
FLOATS = {"FP16", "FP32", "FP64"}
INTEGERS = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}


@dataclass(frozen=True)
class InferRequest:
    """What is to be scored and what is asked: column → values, parameters, and the names of the outputs wanted."""

    identifier: str | None
    columns: Mapping[str, Sequence[Any]]
    parameters: Mapping[str, Any]
    outputs: Sequence[str]


def parse_request(body: bytes) -> InferRequest:
    """The request in `body`. Raises RequestError (400, 413) naming what is wrong."""
    said = json_object(body)
    inputs = said.get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(item, dict) for item in inputs):
        raise _bad("`inputs` must be a list of tensors, one for each column")
    columns: dict[str, Sequence[Any]] = {}
    for item in inputs:
        name, values = _tensor(item)
        if name in columns:
            raise _bad(f"the input {name!r} is there twice")
        columns[name] = values
    identifier, parameters = said.get("id"), said.get("parameters") or {}
    if not (identifier is None or isinstance(identifier, str)) or not isinstance(parameters, dict):
        raise _bad("`id` must be text and `parameters` an object")
    return InferRequest(identifier, columns, parameters, _wanted(said.get("outputs")))


def json_object(body: bytes) -> dict[str, Any]:
    """A body that is a JSON object. Raises RequestError (400)."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, "bad_json", f"the body is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise RequestError(400, "bad_json", "the body must be a JSON object")
    return said


def question(request: InferRequest, scorer: Scorer) -> Question:
    """What the parameters ask. `quantiles`: levels, as a list or as text with commas; `threshold` for every quantity,
    `threshold.NAME` for one. Raises RequestError (400)."""
    levels: tuple[float, ...] = LEVELS
    names = [quantity.name for quantity in scorer.model.quantities]
    thresholds: dict[str, float] = {}
    for name, value in request.parameters.items():
        if name == QUANTILES:
            levels = _levels(value)
        elif name == THRESHOLD:
            thresholds = dict.fromkeys(names, _number(name, value)) | thresholds
        elif name.partition(".")[0] == THRESHOLD and name.partition(".")[2] in names:
            thresholds[name.partition(".")[2]] = _number(name, value)
        else:
            there = ", ".join([QUANTILES, THRESHOLD, *(f"{THRESHOLD}.{item}" for item in names)])
            raise _bad(f"there is no parameter {name!r}; there are {there}")
    return Question(levels, thresholds)


def wanted_outputs(request: InferRequest, scorer: Scorer, asked: Question) -> list[str]:
    """The names of the outputs to answer. Raises RequestError (400)."""
    there = scorer.outputs(asked)
    if unknown := [name for name in request.outputs if name not in there]:
        raise _bad(f"there is no output {', '.join(unknown)}; there are {', '.join(there)}")
    return list(request.outputs) or there


def answer(request: InferRequest, found: Columns, names: Sequence[str], facts: Mapping[str, Any]) -> bytes:
    """The body of the answer; `facts` are those of the version."""
    outputs = [
        {"name": name, "shape": [len(found[name])], "datatype": "FP64", "data": found[name].tolist()} for name in names
    ]
    named = {"model_name": facts["model"], "model_version": str(facts["version"])}
    identifier = {} if request.identifier is None else {"id": request.identifier}
    parameters = {name: facts[name] for name in ("as_of", "valid_from", "valid_until", "expired")}
    return orjson.dumps({**named, **identifier, "parameters": parameters, "outputs": outputs})


def metadata(scorer: Scorer, model: str, versions: Sequence[int]) -> dict[str, Any]:
    """What the metadata route says of a model."""
    inputs = [{"name": name, "datatype": _datatype(dtype), "shape": [-1]} for name, dtype in scorer.types.items()]
    outputs = [{"name": name, "datatype": "FP64", "shape": [-1]} for name in scorer.outputs(Question())]
    return {
        "name": model,
        "versions": [str(number) for number in versions],
        "platform": "posterity_draws",
        "inputs": inputs,
        "outputs": outputs,
    }


def _tensor(item: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    """Name and values of an input."""
    name, shape, kind, data = (item.get(part) for part in ("name", "shape", "datatype", "data"))
    if not isinstance(name, str) or not isinstance(kind, str) or not isinstance(data, list):
        raise _bad("an input needs `name`, `shape`, `datatype` and `data`, which is a list")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise _bad(f"the shape of {name!r} is no list of sizes")
    if len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise _bad(f"the shape of {name!r} is {shape}; inputs are columns, [rows] or [rows, 1]")
    if len(shape) == 2 and data and all(isinstance(part, list) for part in data):
        data = [value for part in data for value in part]
    if len(data) != shape[0]:
        raise _bad(f"{name!r} has {len(data)} values and the shape {shape}")
    if not data:
        raise _bad(f"{name!r} has no rows")
    if len(data) > MOST:
        raise RequestError(413, "too_large", f"{len(data):,} rows are more than {MOST:,}; send them in parts")
    if place := _misfit(kind, data):
        raise _bad(f"{name!r} has the datatype {kind}, and {data[place - 1]!r} in row {place - 1} is none")
    return name, data


def _misfit(kind: str, data: Sequence[Any]) -> int:
    """One more than the place of the first value that is not of the datatype; 0 where there is none."""
    kinds: tuple[type, ...]
    if kind == "BYTES":
        kinds = (str,)
    elif kind == "BOOL":
        kinds = (bool,)
    elif kind in INTEGERS:
        kinds = (int,)
    elif kind in FLOATS:
        kinds = (int, float)
    else:
        raise _bad(f"there is no datatype {kind!r}; there are BYTES, BOOL, INT64, FP64 and their smaller kin")
    return next((place for place, value in enumerate(data, start=1) if type(value) not in kinds), 0)


def _wanted(outputs: Any) -> list[str]:
    if outputs is None:
        return []
    if not isinstance(outputs, list) or not all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in outputs
    ):
        raise _bad("`outputs` must be a list of objects with a `name`")
    return [item["name"] for item in outputs]


def _levels(value: Any) -> tuple[float, ...]:
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    levels = tuple(_number(QUANTILES, item) for item in given)
    if not 0 < len(levels) <= MOST_LEVELS or not all(0 < level < 1 for level in levels):
        raise _bad(f"{QUANTILES}={value!r}: up to {MOST_LEVELS} levels between 0 and 1, such as 0.05,0.5,0.95")
    return tuple(sorted(set(levels)))


def _number(name: str, value: Any) -> float:
    try:
        number = float(value) if not isinstance(value, bool | list | dict) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise _bad(f"{name}={value!r} is not a number")
    return number


def _datatype(dtype: Any) -> str:
    return DATATYPES.get(getattr(dtype, "kind", "O"), "BYTES")


def _bad(message: str) -> RequestError:
    return RequestError(400, "bad_input", message)
