"""S3 servers for tests, each a process or thread of its own on 127.0.0.1."""

import logging
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

KEYS = {"AWS_ACCESS_KEY_ID": "posterity-test", "AWS_SECRET_ACCESS_KEY": "posterity-test-secret"}
BUCKET = "posterity-tests"
ROOT = Path(__file__).parents[2]


def minio_program() -> Path | None:
    """The lab's MinIO: in LAB_BIN, below LAB_HOME, or where the lab beside this checkout keeps it."""
    home = Path(os.environ.get("LAB_HOME") or _default_home())
    candidates = [Path(os.environ.get("LAB_BIN") or home / "bin") / "minio", Path(shutil.which("minio") or "/nowhere")]
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def _default_home() -> str:
    """LAB_HOME's default as the lab itself has it."""
    lab = Path(os.environ.get("LAB") or ROOT.parent / "shared/lab/lab").parent
    text = common.read_text() if (common := lab / "lib/common.sh").is_file() else ""
    return text.partition("LAB_HOME:-")[2].partition("}")[0] or "/nowhere"


@contextmanager
def minio(folder: Path, port: int = 0, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """A MinIO server that keeps its objects in `folder`; gives its endpoint. Killed in the end."""
    program = minio_program()
    if program is None:
        pytest.skip("no MinIO here: the lab is not built (LAB, LAB_HOME or LAB_BIN name it)")
    address = f"127.0.0.1:{port or free_port()}"
    command = [program, "server", "--address", address, "--console-address", f"127.0.0.1:{free_port()}", folder]
    keys = {"MINIO_ROOT_USER": KEYS["AWS_ACCESS_KEY_ID"], "MINIO_ROOT_PASSWORD": KEYS["AWS_SECRET_ACCESS_KEY"]}
    environment = {**os.environ, **keys, "MINIO_BROWSER": "off", **(settings or {})}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://{address}/minio/health/ready")
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if urllib3.request("GET", url, retries=False, timeout=2).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.05)
    raise TimeoutError(url)


@contextmanager
def moto() -> Iterator[str]:
    """moto's S3 server in a thread; gives its endpoint."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def make_bucket(endpoint: str) -> None:
    from minio import Minio

    client = Minio(endpoint.removeprefix("http://"), *KEYS.values(), secure=False, region="us-east-1")
    if not client.bucket_exists(BUCKET):
        client.make_bucket(BUCKET)
