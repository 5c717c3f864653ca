"""Who acts."""

import getpass
import logging
import os
import socket
from collections.abc import Callable

from posterity import cluster
from posterity.errors import UnavailableError

log = logging.getLogger(__name__)


def who() -> str:
    """The user or account that a cluster knows this process by, else the user of the operating system and the machine,
    `name@host`; never an argument of a command.

    Raises UnavailableError when a cluster that is known to a source does not say.
    """
    names = (source() for source in sources)
    return next((name for name in names if name), "") or _user_here()


def _account() -> str:
    """The account of the pod that this process runs in, empty outside of pods and where a pod may not ask."""
    try:
        return cluster.user() if cluster.is_pod() else ""
    except UnavailableError as error:
        log.warning("%s; who acts is the user of the pod's own system", error)
        return ""


def _user_here() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid-{os.getuid()}"
    return f"{name}@{socket.gethostname()}"


sources: list[Callable[[], str]] = [_account]
"""What may know who acts, asked in this order; the first name counts. The command adds the user of a kubeconfig."""
