"""A shard as a process: `python -m tests.sampling.shard_process FOLDER CHAINS [BLOCKS]`; prints its manifests as JSON.

It can write no more than BLOCKS blocks, and waits for its end with the next one.
"""

import json
import sys
from pathlib import Path
from threading import Event, Semaphore

from posterity.sampling.density import Density
from posterity.sampling.plan import Plan
from posterity.sampling.shard import run_shard
from posterity.store.directory import DirectoryStore


class Braked(DirectoryStore):
    """A store that takes so many blocks and is stuck then."""

    def __init__(self, root: Path, blocks: int) -> None:
        super().__init__(root)
        self.free = Semaphore(blocks)

    def put(self, key: str, data: bytes) -> bool:
        if "/chains/" in key and not key.endswith("manifest.json") and not self.free.acquire(blocking=False):
            Event().wait()
        return super().put(key, data)


def main(folder: Path, chains: list[int], blocks: int) -> None:
    plan = Plan.from_json((folder / "plan.json").read_bytes())
    density = Density.from_bytes((folder / "density").read_bytes())
    manifests = run_shard(Braked(folder / "store", blocks), plan, density, chains)
    print(json.dumps({"manifests": manifests, "modules": sorted(sys.modules)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(chain) for chain in sys.argv[2].split(",")], int([*sys.argv, 1000][3]))
