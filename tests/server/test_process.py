"""Starting the server, and what it refuses to start with."""

import subprocess
import sys
from pathlib import Path

import pytest

from posterity.errors import SettingsError
from posterity.server.process import parse_address
from tests.server.process import Server


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posterity.server", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("text", "address"), [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:80", ("::1", 80))])
def test_an_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["8080", ":8080", "host:", "host:http", "host:0", "host:70000"])
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(SettingsError, match="POSTERITY_LISTEN"):
        parse_address(text)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"POSTERITY_PRODUCTS": "flights"}, "is not MODEL@ALIAS"),
        ({"POSTERITY_TOKENS": "x"}, "token 1 of POSTERITY_TOKENS"),
        ({"POSTERITY_STORE": "http://x"}, "is not a store"),
        ({"POSTERITY_SERVER_KEEP": "many"}, "is not a whole number"),
    ],
)
def test_wrong_settings_are_refused_before_anything_starts(
    tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    done = start(tmp_path, **environment)
    assert done.returncode == 3
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_address_that_is_taken_is_said(running: Server, tmp_path: Path) -> None:
    done = start(tmp_path, "--listen", f"127.0.0.1:{running.port}")
    assert done.returncode == 75
    assert f"cannot listen on 127.0.0.1:{running.port}" in done.stderr


def test_the_server_needs_no_library_of_other_processes() -> None:
    code = "import sys, posterity.server.app; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "pymc",
        "pytensor",
        "jax",
        "blackjax",
        "kfp",
        "kubernetes",
        "matplotlib",
        "mlflow",
        "arviz",
        "sklearn",
        "pandera",
    }
    assert heavy & set(done.stdout.split()) == set()
