"""What the workers of a server know of each other: the files in the folder that they share for their metrics."""

import os
from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
ENDING = "ending"


def shared_folder() -> Path:
    """The folder of this server."""
    return Path(os.environ[FOLDER])


def own_file(begin: str) -> Path:
    """The file of this worker whose name begins so; its process number is the rest."""
    return shared_folder() / f"{begin}{os.getpid()}"


def announce() -> None:
    """Say that this worker has everything in memory."""
    own_file("ready-").touch()


def announced() -> int:
    """How many living workers have said so."""
    return sum(is_alive(int(path.name.rpartition("-")[2])) for path in shared_folder().glob("ready-*"))


def announce_end() -> None:
    """Say that this server was told to end."""
    (shared_folder() / ENDING).touch()


def is_ending() -> bool:
    """Whether this server was told to end."""
    return (shared_folder() / ENDING).exists()


def is_alive(process: int) -> bool:
    """Whether a process of this server has not ended."""
    return Path(f"/proc/{process}").exists()
