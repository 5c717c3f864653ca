"""Virtual environments of the peers, each with what its users would install."""

import subprocess
import venv
from pathlib import Path

PEERS = {
    "mlserver": ("mlserver", "mlserver-sklearn", "scikit-learn", "joblib"),
    "fastapi": ("fastapi", "pandas", "uvicorn[standard]"),
}


def python_of(peer: str, folder: Path) -> Path:
    """The interpreter of a peer; its environment is made in `folder` if it is not there."""
    home = folder / peer
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[peer]], check=True)
        complete.touch()
    return python
