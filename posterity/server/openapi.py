"""The OpenAPI document, made from the table of routes (https://spec.openapis.org/oas/v3.1.0)."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from posterity import __version__
from posterity.server.access import OPEN, ROLES
from posterity.server.routing import Route
from posterity.server.schemas import ERROR, JSON_TYPE

Examples = Mapping[str, Any]
PARTS = {
    "model": "Name of a model, as /v1/products lists them",
    "version": "Number of a version",
    "key": "Values of the key columns in their order, separated by commas; a comma within a value is written %2C",
}
DESCRIPTION = """\
Predictions of probabilistic models, a table per version, and scores of new keys from the posterior's draws. Every
answer says as of which day it was made and how long it is valid. Errors have one shape: `error`, `code`, `status`."""


def document(routes: Iterable[Route], guarded: bool, examples: Examples) -> dict[str, Any]:
    """The document.

    guarded: whether tokens are asked for; examples: values of path parameters that are there and, by the last part of a
    path, bodies that can be sent to it.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, guarded, examples)
    schemes = {"token": {"type": "http", "scheme": "bearer"}} if guarded else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Posterity", "version": __version__, "description": DESCRIPTION},
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}, "securitySchemes": schemes},
    }


def _operation(route: Route, guarded: bool, examples: Examples) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", route.path)
    closed = guarded and route.role != OPEN
    refusals = {*route.refusals, *((401, 403) if closed else ()), *((400, 413) if route.body else ())}
    refusals |= {400} if route.headers else set()
    operation: dict[str, Any] = {
        "operationId": _identifier(route),
        "tags": [route.group],
        "summary": route.summary,
        "parameters": [_path_parameter(name, examples) for name in names]
        + [
            {"name": name, "in": place, "schema": dict(schema)}
            for place, given in (("query", route.query), ("header", route.headers))
            for name, schema in given.items()
        ],
        "responses": {str(status): _answer(status, content) for status, content in route.answers.items()}
        | {str(status): _refusal(status) for status in sorted(refusals)},
    }
    if route.body:
        last = route.path.rpartition("/")[2]
        example = {"example": examples[last]} if last in examples else {}
        operation["requestBody"] = {"required": True, "content": {JSON_TYPE: {"schema": dict(route.body), **example}}}
    if closed:
        operation["security"] = [{"token": []}]
        operation["description"] = f"Needs a token with the role `{route.role}`: {ROLES[route.role]}."
    return operation


def _path_parameter(name: str, examples: Examples) -> dict[str, Any]:
    kind = {"type": "integer", "minimum": 1} if name == "version" else {"type": "string", "minLength": 1}
    example = {"example": examples[name]} if name in examples else {}
    return {"name": name, "in": "path", "required": True, "description": PARTS[name], "schema": kind, **example}


def _answer(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {kind: {"schema": dict(schema)} for kind, schema in content.items()}
    return {"description": HTTPStatus(status).phrase, **({"content": kinds} if kinds else {})}


def _refusal(status: int) -> dict[str, Any]:
    content = {JSON_TYPE: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _identifier(route: Route) -> str:
    words = re.findall(r"\w+", f"{route.method.lower()} {route.path}")
    return "_".join(words)
