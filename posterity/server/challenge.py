"""Champion and challenger side by side: which of the two answers a question, and what the other would have said.

A share of requests is a share of keys, not of time: whether the challenger answers follows from a hash of its product
and of the key (of the body, where rows are scored). So a key has one answer at a time, whoever asks, whatever worker or
server is asked, and however often; its ETag goes on meaning the same; and the keys of one challenger can be held
against those of the champion as a random sample, which is drawn anew for the next challenger.
"""

import copy
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any
from urllib.parse import unquote

import orjson

from posterity.data.product import column
from posterity.errors import PosterityError
from posterity.model.contract import Quantity
from posterity.server.choice import ALIAS, CHALLENGER
from posterity.server.http import Request, Response
from posterity.server.routing import RAW, Handler
from posterity.server.served import ServedVersion
from posterity.server.service import Service

FARTHEST = 10.0  # standard deviations; what is farther apart counts as much

Columns = Mapping[str, Sequence[Any]]
Read = Callable[[Any], Columns]

log = logging.getLogger(__name__)


def side_by_side(handler: Handler, read: Read | None = None) -> Handler:
    """`handler` for questions of which the challenger answers its share.

    read: what takes name → value of each row from an answer; with it, others are answered by both and compared.
    """

    @wraps(handler)
    async def answer(service: Service, request: Request) -> Response:
        share, shadow = service.settings.challenger_share, service.settings.shadow_share
        line = service.catalogue.lines.get(request.values["{model}"])
        if not (share or shadow) or ALIAS in request.headers or not (line and line.challenger and line.current):
            return await handler(service, request)
        challenger = line.challenger
        place = hundredth(challenger, request)
        if place < share:
            return await _answered(service, request, handler, challenger)
        said = await handler(service, request)
        if read and said.body and place < share + shadow:
            started = service.background.start(_shadow(service, request, handler, read, challenger, said))
            if not started:
                service.metrics.count_challenge(challenger.about, "skipped")
        return said

    return answer


def hundredth(challenger: ServedVersion, request: Request) -> int:
    """Which of a hundred parts of all questions to this challenger a question belongs to."""
    key = request.values.get(RAW)
    asked = request.body if key is None else unquote(key).encode()
    digest = hashlib.blake2b(asked, digest_size=8, key=challenger.record.product[:16].encode()).digest()
    return int.from_bytes(digest) % 100


def differences(quantities: Sequence[Quantity], champion: Columns, challenger: Columns) -> Mapping[str, list[float]]:
    """Quantity → for each row |difference of the means| in standard deviations of the champion, at most FARTHEST.

    A quantity that either did not answer is left out.
    """
    found: dict[str, list[float]] = {}
    for quantity in quantities:
        mean, sd = column(quantity.name, "mean"), column(quantity.name, "sd")
        if mean in champion and sd in champion and mean in challenger:
            rows = zip(champion[mean], challenger[mean], champion[sd], strict=True)
            found[quantity.name] = [_apart(*row) for row in rows if None not in row]
    return found


def _apart(old: float, new: float, spread: float) -> float:
    if old == new:
        return 0.0
    return min(FARTHEST, abs(new - old) / spread) if spread else FARTHEST


async def _answered(service: Service, request: Request, handler: Handler, challenger: ServedVersion) -> Response:
    """The challenger's answer; the champion's where it has none, or one that has expired."""
    if not challenger.mark(time.time()).expired:
        try:
            said = await handler(service, _to_challenger(request))
        except Exception as error:  # whatever it is, the champion may know better
            _log(challenger, error)
        else:
            service.metrics.count_challenge(challenger.about, "answered")
            return said
    service.metrics.count_challenge(challenger.about, "refused")
    return await handler(service, request)


async def _shadow(
    service: Service,
    request: Request,
    handler: Handler,
    read: Read,
    challenger: ServedVersion,
    said: Response,
) -> None:
    """Let the challenger answer too, and count how far apart the two are."""
    question = _to_challenger(request)
    question.headers.pop(b"if-none-match", None)
    try:
        other = await handler(service, question)
        found = differences(challenger.facts.quantities, *(read(orjson.loads(item.body)) for item in (said, other)))
    except Exception as error:  # nobody waits for it
        _log(challenger, error)
        service.metrics.count_challenge(challenger.about, "failed")
        return
    service.metrics.count_challenge(challenger.about, "compared")
    for quantity, values in found.items():
        service.metrics.observe_difference((*said.about, other.about[1], quantity), values)


def _log(challenger: ServedVersion, error: Exception) -> None:
    """Log what nobody raised on purpose."""
    if not isinstance(error, PosterityError):
        log.error("the challenger %s fails", challenger.record.label, exc_info=error)


def _to_challenger(request: Request) -> Request:
    """The same question to the challenger."""
    other = copy.copy(request)
    other.headers = {**request.headers, ALIAS: CHALLENGER}
    return other
