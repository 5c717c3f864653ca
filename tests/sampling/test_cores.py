import os
from pathlib import Path

import pytest

from posterity.sampling.cores import available_cores

BOUND = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "10000 100000"}, 1),
        ({"cpu.max": "12800000 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({}, None),
    ],
)
def test_a_container_has_the_cores_of_its_limit(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert available_cores(tmp_path) == min(BOUND, limit or BOUND)


def test_a_bound_process_has_the_cores_that_it_is_bound_to(tmp_path: Path) -> None:
    os.sched_setaffinity(0, before := os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)
