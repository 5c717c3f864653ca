"""The ASGI application: one request in, one response out, measured."""

import asyncio
import gc
import logging
from time import perf_counter
from typing import Any

from posterity.errors import PosterityError
from posterity.server import inputs, page
from posterity.server.access import require
from posterity.server.errors import RequestError, error_response
from posterity.server.handlers import (
    actuals,
    documents,
    explanations,
    feedback,
    health,
    history,
    inference,
    predictions,
    products,
    search,
)
from posterity.server.http import Receive, Request, Scope, Send
from posterity.server.routing import Route, Router
from posterity.server.service import Service
from posterity.server.workers import is_ending
from posterity.settings import Settings

DESCRIBED: tuple[Route, ...] = (
    *products.ROUTES,
    *predictions.ROUTES,
    *search.ROUTES,
    *explanations.ROUTES,
    *history.ROUTES,
    *inference.ROUTES,
    *feedback.ROUTES,
    *actuals.ROUTES,
    *health.ROUTES,
    *page.ROUTES,
)
ROUTES = (*DESCRIBED, *documents.routes(DESCRIBED))
LARGEST = 16 << 20  # bytes of a body
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
UNMATCHED = "none"
WRITING = 1.0  # seconds between writing down what was counted

log = logging.getLogger(__name__)


class App:
    """The application of one worker."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.router = Router(ROUTES)
        self.is_ending = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and count it. What it costs, millions of answers cost: it calls little."""
        if scope["type"] != "http":
            await self._lifespan(receive, send)
            return
        began = perf_counter()
        metrics = self.service.metrics
        metrics.now_in_flight += 1
        request = Request(scope)
        name = UNMATCHED
        try:
            consumer = request.consumer = self.service.access.consumer(request.headers)
            route, request.values = self.router.match(request.method, request.path)
            name = route.path
            if route.role not in consumer.roles:
                require(consumer, route.role)
            if route.body is not None:
                request.body = await _read(receive)
            response = await route.handler(self.service, request)
        except Exception as error:
            if not isinstance(error, PosterityError):
                log.exception("%s %s", request.method, request.path)
            response = error_response(error)
        finally:
            metrics.now_in_flight -= 1
        headers = ((b"content-type", response.kind), *response.headers)
        if self.is_ending:
            headers = (*headers, (b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
        method = request.method if request.method in METHODS else "OTHER"
        seconds = perf_counter() - began
        metrics.observe(method, name, response.status, request.consumer.name, seconds, response.about)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        service = self.service
        await receive()
        await service.in_thread(service.follower.look)  # no request before all is in memory, if it can
        gc.collect()
        gc.freeze()  # what is here stays: looking through it again and again would make some answers wait
        service.follower.start(service.settings.server_poll)
        writing = asyncio.create_task(self._write())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        writing.cancel()
        service.follower.stop()
        service.metrics.write()
        await send({"type": "lifespan.shutdown.complete"})

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(WRITING)
            self.is_ending = is_ending()
            try:
                self.service.metrics.write()
                await self.service.in_thread(inputs.write, self.service.seen.take())
            except OSError:  # no room on the disk: there may be some later
                log.exception("what was counted cannot be written")


def create() -> App:
    """The application with the settings of the environment. Raises SettingsError."""
    return App(Service(Settings.from_environment()))


async def _read(receive: Receive) -> bytes:
    """The body of a request. Raises RequestError (413)."""
    parts: list[bytes] = []
    size = 0
    while True:
        message: Any = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > LARGEST:
            raise RequestError(413, "too_large", f"the body has more than {LARGEST >> 20} MiB; send it in parts")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
