"""Virtual environments of the peers, each with what its users would install."""

import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

COMMON = ("pymc", "pandas", "pyarrow", "scipy", "arviz", "arviz-stats")
PEERS = {"nutpie": ("nutpie", "numba"), "numpyro": ("numpyro", "jax", "jaxlib")}
OF = {"nutpie": "nutpie", "nutpie low-rank": "nutpie", "numpyro": "numpyro"}
"""Contender -> its environment; the others use this one."""


def python_of(contender: str, folder: Path) -> Path:
    """The interpreter that a contender runs in; its environment is made in `folder` if it is not there."""
    if contender not in OF:
        return Path(sys.executable)
    home = folder / OF[contender]
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        venv.create(home, with_pip=True, clear=True)
        packages = [_pinned(name) for name in (*COMMON, *PEERS[OF[contender]])]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        complete.touch()
    return python


def _pinned(name: str) -> str:
    """The version that this environment has, if it has one: the same PyMC and JAX for all."""
    try:
        return f"{name}=={metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return name
