"""Pieces of JSON schema that routes describe themselves with."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, get_args

JSON_TYPE, CSV_TYPE, PARQUET_TYPE = "application/json", "text/csv", "application/vnd.apache.parquet"
TEXT_TYPE, HTML_TYPE = "text/plain", "text/html"
NAMES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
    NoneType: "null",
}
ERROR: Mapping[str, Any] = {
    "type": "object",
    "required": ["error", "code", "status"],
    "properties": {
        "error": {"type": "string", "description": "What is wrong, and what to do about it"},
        "code": {"type": "string", "description": "A word for programs"},
        "status": {"type": "integer"},
    },
}
VALIDITY = {"model": str, "version": int, "as_of": str, "valid_from": str, "valid_until": str, "expired": bool}


def schema(**fields: Any) -> dict[str, Any]:
    """The schema of an object that has these fields at least: name → type (or union of types) or schema."""
    properties = {name: kind if isinstance(kind, Mapping) else _of(kind) for name, kind in fields.items()}
    return {"type": "object", "required": list(properties), "properties": properties}


def described(text: str, kind: type = str, **more: Any) -> dict[str, Any]:
    """The schema of a parameter."""
    return {**_of(kind), "description": text, **more}


def array(items: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": dict(items)}


def _of(kind: type | UnionType) -> dict[str, Any]:
    members = get_args(kind)
    return {"type": [NAMES[member] for member in members]} if members else {"type": NAMES[kind]}  # type: ignore[index]
