"""Exported densities, a store, and plans for them."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from posterity.sampling.density import Density
from posterity.sampling.plan import Plan, SamplerSettings
from posterity.store import ObjectStore, open_store

# Compile a program once for all tests and their processes.
os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="posterity-xla-")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

Export = Callable[[str], Density]
SMALL = SamplerSettings(draws=60, warmup=60, block=25)


@pytest.fixture(scope="session")
def density() -> Export:
    """Model name → its density, exported once."""
    from posterity.sampling.export import export_density
    from tests.sampling.models import BUILDERS

    return cache(lambda name: export_density(BUILDERS[name]()))


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path}/store")


def plan_for(density: Density, settings: SamplerSettings = SMALL, seed: int = 7) -> Plan:
    return Plan.of(model_code="m", features="f", density=density.digest, settings=settings, seed=seed)


def chain_objects(store: ObjectStore, plan: Plan, chain: int) -> list[str]:
    """Keys of the blocks of a chain that are in the store."""
    return [key for key in store.list(f"plans/{plan.digest}/chains/{chain}/") if not key.endswith(".json")]


def start_shard(
    folder: Path, plan: Plan, density: Density, chains: str, *, cpus: str = "", blocks: int = 1000
) -> subprocess.Popen[str]:
    """`run_shard` in a process of its own, on the CPUs `cpus` (all, if empty), stuck after `blocks` blocks."""
    (folder / "plan.json").write_bytes(plan.to_json())
    (folder / "density").write_bytes(density.to_bytes())
    pin = ["taskset", "-c", cpus] if cpus else []
    command = [
        *pin,
        sys.executable,
        "-W",
        "error",
        "-m",
        "tests.sampling.shard_process",
        str(folder),
        chains,
        str(blocks),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy())


def finish(process: subprocess.Popen[str]) -> str:
    """What the process printed; fails the test if it failed."""
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output
