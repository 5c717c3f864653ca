"""How many cores this process may use."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available_cores(root: Path = CGROUP) -> int:
    """Cores of this process: those it is bound to, or fewer where its container has a CPU limit (cgroup v1 or v2).

    A limit below the node's cores does not show in the affinity: threads beyond it would only wait for each other.
    """
    bound = len(os.sched_getaffinity(0))
    limit = _limit(root)
    return bound if limit is None else max(1, min(bound, math.ceil(limit)))


def _limit(root: Path) -> float | None:
    """Cores that the container may use on average, None where there is no limit."""
    v2 = _words(root / "cpu.max")
    quota, period = (
        v2
        if len(v2) == 2
        else [*_words(root / "cpu/cpu.cfs_quota_us"), *_words(root / "cpu/cpu.cfs_period_us")] or ["max", "1"]
    )
    return None if quota in {"max", "-1"} else float(quota) / float(period)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
