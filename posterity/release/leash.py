"""`python -m posterity.release.leash PARENT …`: the results server, which the kernel ends when process PARENT ends.

The server asks for that itself: code between fork and exec may deadlock where the parent has threads, as JAX does.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1  # of Linux's prctl


def main() -> None:
    """Bind this process to its parent, then be the server."""
    parent = int(sys.argv.pop(1))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == parent:  # else it had ended before
        runpy.run_module("posterity.server", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
