"""The least that the same ASGI server can do: the same few bytes to everybody, as long as the answer to one key."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

BODY = b'{"prediction":{' + b'"delayed_q05":0.123456789012345,' * 12 + b'"x":1}}'
HEADERS = [(b"content-type", b"application/json"), (b"etag", b'"0123456789abcdef-17"'), (b"cache-control", b"no-cache")]


async def app(scope: Mapping[str, Any], _: Any, send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
    """Answer every request alike."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})
