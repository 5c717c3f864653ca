"""Who asks, and what they may: POSTERITY_TOKENS."""

import hashlib
from collections.abc import Mapping

from posterity.errors import SettingsError
from posterity.server.errors import RequestError
from posterity.server.http import NOBODY, Consumer

READ, SCORE, PROMOTE = "read", "score", "promote"
ROLES = {
    READ: "products and their predictions",
    SCORE: "scoring new keys, reporting what happened",
    PROMOTE: "versions not released yet",
}
OPEN = ""  # a route for everybody, with or without a token
BEARER = b"bearer "
CHALLENGE = {b"www-authenticate": b"Bearer"}


ANYBODY = Consumer("anonymous", frozenset({OPEN, *ROLES}))


class Access:
    """The tokens of a server; without any, everybody may do everything. Tokens are kept as digests."""

    def __init__(self, setting: str) -> None:
        self._consumers = parse_tokens(setting)

    @property
    def is_guarded(self) -> bool:
        """Whether tokens are asked for."""
        return bool(self._consumers)

    def consumer(self, headers: Mapping[bytes, bytes]) -> Consumer:
        """Who sent these headers. Raises RequestError on a token that is none of ours."""
        if not self._consumers:
            return ANYBODY
        given = headers.get(b"authorization", b"")
        if not given:
            return NOBODY
        token = given[len(BEARER) :].strip() if given[: len(BEARER)].lower() == BEARER else b""
        found = self._consumers.get(hashlib.sha256(token).digest())
        if not found:
            raise RequestError(401, "unknown_token", "the bearer token is not one of this server's", CHALLENGE)
        return found


def require(consumer: Consumer, role: str) -> None:
    """Raise RequestError unless the consumer has the role."""
    if role in consumer.roles:
        return
    if consumer is NOBODY:
        raise RequestError(401, "no_token", "this needs a token: send Authorization: Bearer TOKEN", CHALLENGE)
    raise RequestError(403, "missing_role", f"{consumer.name} has no role {role!r} ({ROLES[role]}); ask for it")


def parse_tokens(setting: str) -> dict[bytes, Consumer]:
    """SHA-256 of a token → whose it is. Raises SettingsError, which never shows a token."""
    found: dict[bytes, Consumer] = {}
    for number, word in enumerate(setting.split(), start=1):
        name, _, rest = word.partition(":")
        roles, _, token = rest.partition(":")
        names = frozenset(roles.split(","))
        if not (name and token) or not names <= set(ROLES):
            raise SettingsError(
                f"token {number} of POSTERITY_TOKENS is not CONSUMER:ROLE[,ROLE]:TOKEN with roles of {', '.join(ROLES)}"
            )
        digest = hashlib.sha256(token.encode()).digest()
        if digest in found:
            raise SettingsError(f"token {number} of POSTERITY_TOKENS is there twice; give each consumer its own")
        found[digest] = Consumer(name, names | {OPEN})
    return found
