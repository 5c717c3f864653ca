"""The OpenAPI document as one HTML page that needs no script and no network."""

from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2430;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d5dbe3}details{margin:.4rem 0;border:1px solid #d5dbe3;border-radius:6px}
summary{padding:.5rem .8rem;cursor:pointer}details>div{padding:0 .8rem .6rem;overflow-x:auto}code{font-size:.95em}
.method{display:inline-block;width:3.6rem;font-weight:700;color:#0b6bcb}.post{color:#0a7d45}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
pre{background:#f4f6f9;padding:.6rem;border-radius:6px;overflow-x:auto}
@media(prefers-color-scheme:dark){body{background:#12171e;color:#dfe6ee}pre{background:#1d2530}.method{color:#6fb4ff}
.post{color:#5fd39a}details,h2{border-color:#344050}}"""


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    body = "".join(f"<h2>{escape(name)}</h2>{''.join(parts)}" for name, parts in groups.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
        f'<p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>{body}</body></html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parameters = "".join(_parameter(item) for item in operation["parameters"])
    answers = "".join(
        f"<tr><td>{status}</td><td>{escape(answer['description'])}</td>"
        f"<td>{escape(', '.join(answer.get('content', {})))}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = f"<h4>Body</h4><pre>{escape(_pretty(body['example']))}</pre>" if "example" in body else ""
    return (
        f'<details><summary><span class="method {method}">{method.upper()}</span> <code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary><div><p>{escape(operation.get('description', ''))}</p>"
        f"{f'<h4>Parameters</h4><table>{parameters}</table>' if parameters else ''}{example}"
        f"<h4>Answers</h4><table>{answers}</table></div></details>"
    )


def _parameter(item: Mapping[str, Any]) -> str:
    text = item.get("description") or item["schema"].get("description", "")
    example = f" For example <code>{escape(str(item['example']))}</code>." if "example" in item else ""
    return (
        f"<tr><td><code>{escape(item['name'])}</code></td><td>{item['in']}</td><td>{escape(text)}.{example}</td></tr>"
    )


def _pretty(value: Any) -> str:
    import json

    return json.dumps(value, indent=2)
