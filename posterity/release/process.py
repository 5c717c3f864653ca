"""A results server of one's own, on this machine, for as long as it takes to ask it something."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from posterity.errors import UnavailableError
from posterity.release.client import Client
from posterity.settings import Settings

START = 60.0  # seconds until it has to be ready
END = 20.0  # seconds that it may take to end
PAUSE = 0.05


@contextmanager
def client_of(settings: Settings, url: str, products: str) -> Iterator[Client]:
    """A client of the server at `url`; where none is set, of a server of one's own that serves `products`."""
    if url:
        yield Client(url, settings.token)
        return
    with serving(settings, products) as client:
        yield client


@contextmanager
def serving(settings: Settings, products: str) -> Iterator[Client]:
    """A server on the loopback until the block ends. Raises UnavailableError saying why it does not start."""
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        server = ["posterity.release.leash", str(os.getpid()), "--products", products, "--listen", f"127.0.0.1:{port}"]
        command = [sys.executable, "-m", *server]
        nothing, environment = subprocess.DEVNULL, _environment(settings)
        process = subprocess.Popen(command, env=environment, stdin=nothing, stdout=log, stderr=log)
        client = Client(f"http://127.0.0.1:{port}")
        try:
            _wait(client, process, log)
            yield client
        finally:
            _end(process)


def _wait(client: Client, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    """Until the server is ready. Raises UnavailableError as soon as it has ended, or when it takes too long."""
    until = time.monotonic() + START
    while True:
        try:
            client.wait_ready(0)
        except UnavailableError as error:
            if process.poll() is not None or time.monotonic() > until:
                raise UnavailableError(f"the results server did not start: {_last_line(log) or error}") from error
            time.sleep(PAUSE)
        else:
            return


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(settings: Settings) -> dict[str, str]:
    """Nobody else can ask it, so that it needs no tokens."""
    kept = {name: value for name, value in os.environ.items() if name not in ("POSTERITY_TOKENS", "POSTERITY_PRODUCTS")}
    return {**kept, "POSTERITY_STORE": settings.store, "POSTERITY_SERVER_WORKERS": "1", "POSTERITY_SERVER_POLL": "1"}
