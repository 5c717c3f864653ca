"""Which of two versions a request means, champion or challenger."""

from collections.abc import Mapping
from typing import Any

from posterity.server.catalogue import Line
from posterity.server.errors import RequestError
from posterity.server.http import Request
from posterity.server.schemas import described
from posterity.server.served import ServedVersion

ALIAS = b"posterity-alias"
CHAMPION, CHALLENGER = b"champion", b"challenger"
ALIAS_HEADER: Mapping[str, Mapping[str, Any]] = {
    "Posterity-Alias": described(
        "champion: the current version, whatever share of requests the challenger answers; challenger: the other one",
        enum=["champion", "challenger"],
    )
}


def chosen(line: Line, request: Request) -> ServedVersion | None:
    """The version that the request's header names: the current one without such a header.

    Raises RequestError: 400 (no such name), 404 (there is no challenger).
    """
    wanted = request.headers.get(ALIAS, CHAMPION)
    if wanted == CHAMPION:
        return line.current
    if wanted != CHALLENGER:
        given = wanted.decode("latin-1")
        raise RequestError(400, "unknown_alias", f"Posterity-Alias: {given!r} is neither champion nor challenger")
    if line.challenger is None:
        raise RequestError(404, "no_challenger", f"{line.model} has no challenger here; ask without Posterity-Alias")
    return line.challenger
