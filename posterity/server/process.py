"""The server's processes: granian with one or several workers."""

import os
import signal
import socket
import tempfile

from posterity.errors import SettingsError, UnavailableError
from posterity.server.access import parse_tokens
from posterity.server.references import parse_products
from posterity.server.workers import FOLDER, announce_end
from posterity.settings import Settings
from posterity.store import open_store


def serve(settings: Settings) -> None:
    """Serve until the process is told to end.

    Raises SettingsError on settings that no worker could start with, UnavailableError when the address is taken.
    """
    host, port = parse_address(settings.listen)
    parse_products(settings.products)
    parse_tokens(settings.tokens)
    open_store(settings.store)
    _refuse_taken(host, port)
    with tempfile.TemporaryDirectory(prefix="posterity-metrics-") as folder:
        os.environ[FOLDER] = folder
        os.environ |= {f"POSTERITY_{name.upper()}": str(getattr(settings, name)) for name in ("store", "products")}
        _run(settings, host, port)


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `host:port`. Raises SettingsError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"POSTERITY_LISTEN={text!r} is no address; write 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _run(settings: Settings, host: str, port: int) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.log import LogLevels

    level = (
        LogLevels(settings.log_level.lower()) if settings.log_level.lower() in list(LogLevels) else LogLevels.warning
    )
    server = Granian(
        "posterity.server.app:create",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        factory=True,
        workers=settings.server_workers,
        respawn_failed_workers=True,
        websockets=False,
        log_level=level,
    )
    if settings.server_drain:
        server.on_startup(lambda: _end_slowly(settings.server_drain))
    server.serve()


def _end_slowly(seconds: int) -> None:
    """Once told to end, go on for some time: whoever sends requests here hears of it late, and a client that keeps its
    connection not at all, until an answer closes it."""
    end = signal.getsignal(signal.SIGTERM)

    def drain(*_: object) -> None:
        announce_end()
        signal.signal(signal.SIGALRM, end)
        signal.alarm(seconds)

    signal.signal(signal.SIGTERM, drain)


def _refuse_taken(host: str, port: int) -> None:
    """Raise UnavailableError where somebody listens already: workers share a port, and so would two servers."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise UnavailableError(f"cannot listen on {host}:{port} ({error.strerror}); choose another port") from error
