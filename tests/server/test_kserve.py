"""KServe's client, as its users install it, scores with our server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.process import Server

HOME = Path(__file__).parents[2] / "build" / "kserve"
PACKAGE = "kserve==0.21.0"


@pytest.fixture(scope="module")
def python() -> Path:
    """An environment of its own, for its packages are older than ours; made once."""
    complete = HOME / "complete"
    if not complete.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, HOME], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", HOME / "bin" / "python", PACKAGE], check=True)
        complete.touch()
    return HOME / "bin" / "python"


@pytest.mark.slow
def test_the_client_of_kserve_understands_the_server(python: Path, running: Server) -> None:
    script = Path(__file__).with_name("kserve_client.py")
    done = subprocess.run([python, "-W", "ignore", script, running.url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["live"], said["ready"], said["model"]) == (True, True, True)
    assert (said["name"], said["id"], said["parameters"]["expired"]) == ("stalls", "7", False)
    published = running.get("/v1/products/stalls/predictions/a").json["prediction"]
    assert said["outputs"]["sales_mean"][0] == published["sales_mean"]
    assert said["outputs"]["busy_exceeds"][0] < 0.5
