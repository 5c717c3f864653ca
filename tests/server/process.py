"""A real server process on loopback, and a client that sends paths as they are."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.store.servers import free_port


class Answer:
    """What the server answered."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A running server."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.port = port
        self.process = process
        self.log = log
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=data, headers=named)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def metrics(self) -> dict[str, float]:
        """Sample with its labels → value."""
        lines = self.get("/metrics").body.decode().splitlines()
        pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, _, value in pairs}

    def until(self, path: str, wanted: Any, seconds: float = 60) -> Answer:
        """The first answer for which `wanted(answer)` holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                answer = self.get(path)
                if wanted(answer):
                    return answer
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"{path} did not come to be as wanted: {self.log.read_text()}")


@contextmanager
def server(folder: Path, store: str, wait: bool = True, **settings: str) -> Iterator[Server]:
    """`python -m posterity.server` on a store; `settings` are those of the environment, in lower case."""
    port = free_port()
    environment = {f"POSTERITY_{name.upper()}": value for name, value in settings.items()}
    environment |= {"POSTERITY_STORE": store, "POSTERITY_LISTEN": f"127.0.0.1:{port}"}
    environment.setdefault("POSTERITY_SERVER_POLL", "1")
    log = folder / f"server-{port}.log"
    with log.open("wb") as out:
        command = [sys.executable, "-W", "error", "-m", "posterity.server"]
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=out)
    running = Server(port, process, log)
    try:
        running.until("/v2/health/ready" if wait else "/v2/health/live", lambda answer: answer.status == 200)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
