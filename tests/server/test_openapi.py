"""The interface is what its own document says."""

import re
from html.parser import HTMLParser

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from posterity.server.app import DESCRIBED, ROUTES
from posterity.server.openapi import document
from tests.server.process import Server

CHECKED = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]


EXAMPLES = {"model": "shop", "version": 2, "key": "a"}
schema = schemathesis.openapi.from_dict(document(DESCRIBED, False, EXAMPLES))
OPERATIONS = {found.ok().label: found.ok() for found in schema.get_all_operations()}


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_leads_to_anything_that_is_not_documented(label: str, running: Server) -> None:
    checks = [check for check in schemathesis.checks.CHECKS.get_all() if check.__name__ in CHECKED]
    assert len(checks) == len(CHECKED)

    @given(case=OPERATIONS[label].as_strategy())
    @settings(max_examples=20, suppress_health_check=list(HealthCheck), derandomize=True)
    def answers_as_documented(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=running.url, checks=checks)

    answers_as_documented()


def test_every_route_is_documented_but_the_documents(running: Server) -> None:
    said = running.get("/openapi.json").json
    there = {(method.upper(), path) for path, operations in said["paths"].items() for method in operations}
    assert there == {(route.method, route.path) for route in ROUTES} - {("GET", "/docs"), ("GET", "/openapi.json")}
    identifiers = [operation["operationId"] for item in said["paths"].values() for operation in item.values()]
    assert len(set(identifiers)) == len(identifiers)


def test_examples_in_the_document_work(running: Server) -> None:
    said = running.get("/openapi.json").json
    for path, operations in said["paths"].items():
        if "get" in operations:
            for parameter in operations["get"]["parameters"]:
                path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example", "")))
            assert running.get(path).status == 200, path
        if "post" in operations:
            body = operations["post"]["requestBody"]["content"]["application/json"]["example"]
            path = path.replace("{model}", "shop").replace("{version}", "2")
            assert running.ask("POST", path, body).status in {200, 201}, path


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def test_the_page_needs_no_script_and_no_network(running: Server) -> None:
    text = running.get("/docs").body.decode()
    page = Page()
    page.feed(text)
    assert "script" not in page.tags
    assert page.links == ["/openapi.json"]
    assert not re.search(r"@import|url\(", text)
    shown = re.findall(r"<code>(/[^<]*)</code>", text)
    assert set(shown) == {route.path for route in ROUTES if route.group != "Documentation"}
