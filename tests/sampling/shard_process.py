"""A shard as a process: `python -m tests.sampling.shard_process FOLDER CHAINS`; prints its manifests as JSON."""

import json
import sys
from pathlib import Path

from posterity.sampling.density import Density
from posterity.sampling.plan import Plan
from posterity.sampling.shard import run_shard
from posterity.store import open_store


def main(folder: Path, chains: list[int]) -> None:
    plan = Plan.from_json((folder / "plan.json").read_bytes())
    density = Density.from_bytes((folder / "density").read_bytes())
    manifests = run_shard(open_store(f"file://{folder}/store"), plan, density, chains)
    print(json.dumps({"manifests": manifests, "modules": sorted(sys.modules)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(chain) for chain in sys.argv[2].split(",")])
