"""Who acts."""

import getpass
import os
import socket


def who() -> str:
    """The user of the operating system and the machine, `name@host`: never an argument of a command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid-{os.getuid()}"
    return f"{name}@{socket.gethostname()}"
