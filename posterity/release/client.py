"""A client of the results server, as its users have one: over HTTP."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

from posterity.errors import UnavailableError

PAGE = 10_000  # rows asked for at once
TIMEOUT = 30.0  # seconds that an answer may take
PAUSE = 0.1  # seconds between two questions while waiting
AGREEING = 10  # answers in a row after which all replicas behind a service are taken to agree


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON, None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Client:
    """Asks one server. Every method raises UnavailableError where it cannot be reached or answers with an error."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT)

    def ask(self, path: str, **headers: str) -> Answer:
        """GET `path`, whatever the status of the answer."""
        try:
            answer = self._pool.request("GET", self.url + path, headers={**self._headers, **headers})
        except urllib3.exceptions.HTTPError as error:
            raise UnavailableError(f"the server at {self.url} does not answer ({error}); is it up?") from error
        return Answer(answer.status, answer.data)

    def get(self, path: str, **headers: str) -> Answer:
        """GET `path`, answered with 200."""
        answer = self.ask(path, **headers)
        if answer.status != 200:
            said = answer.json
            why = said.get("error") if isinstance(said, dict) else answer.body[:200].decode(errors="replace")
            raise UnavailableError(f"{self.url}{path} answers {answer.status}: {why}")
        return answer

    def wait_ready(self, seconds: float) -> None:
        """Return as soon as the server is ready; raises UnavailableError with what it says when it is not in time."""
        self._wait(lambda: self.get("/v2/health/ready"), seconds)

    def wait_for(self, model: str, number: int, seconds: float) -> None:
        """Return as soon as the server knows a version, which for a new model takes it a moment."""
        self._wait(lambda: self.get(version_path(model, number)), seconds)

    def wait_current(self, model: str, number: int, seconds: float) -> None:
        """Return as soon as the version is the one that users get, from all replicas that answer."""
        until, agreeing = time.monotonic() + seconds, 0
        while agreeing < AGREEING:
            found = self.current(model)
            agreeing = agreeing + 1 if found == number else 0
            if time.monotonic() > until:
                raise UnavailableError(
                    f"the server at {self.url} still gives {model}/{found} after {seconds:g} s, not {model}/{number}; "
                    "/v2/health/ready says why"
                )
            if not agreeing:
                time.sleep(PAUSE)

    def current(self, model: str) -> int | None:
        """The version that users get; None where they get none. Over a connection of its own, so that behind a service
        any replica may answer."""
        answer = self.ask(f"/v1/products/{quote(model, safe='')}", Connection="close")
        return int(answer.json["version"]) if answer.status == 200 else None

    def rows(self, model: str, number: int) -> Iterator[dict[str, Any]]:
        """The rows of a version, page by page."""
        path: str | None = f"{version_path(model, number)}/predictions?limit={PAGE}"
        while path:
            page = self.get(path, Accept="application/json").json
            yield from page["predictions"]
            path = page["next"]

    def _wait(self, attempt: Any, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            try:
                attempt()
            except UnavailableError:
                if time.monotonic() > until:
                    raise
                time.sleep(PAUSE)
            else:
                return


def version_path(model: str, number: int | str) -> str:
    """Where a server has what it knows of a version."""
    return f"/v1/products/{quote(model, safe='')}/versions/{number}"


def key_text(row: dict[str, Any], keys: tuple[str, ...]) -> str:
    """The key of a row as it is written in a path."""
    texts = (row[name] if isinstance(row[name], str) else json.dumps(row[name]) for name in keys)
    return ",".join(quote(text, safe="") for text in texts)
