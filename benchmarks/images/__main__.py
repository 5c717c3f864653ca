"""Size of each image, and what it costs to start a process in it, with the bytecode in the image and without.

Seconds are CPU seconds until everything that the process needs is imported; the least of several starts. Without
bytecode is what every process would pay, since none may write into an image.
"""

import argparse
import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.images.build import Images
from pipelines.images.engine import Engine
from pipelines.images.sizes import sizes
from posterity.errors import PosterityError

STARTS = (
    ("sample", "a shard", "kfp.dsl.executor_main, posterity.stages.sample, posterity.sampling.shard"),
    ("stage", "check_data", "kfp.dsl.executor_main, posterity.stages.check_data, pandera.pandas"),
    ("stage", "plan", "kfp.dsl.executor_main, posterity.stages.plan, posterity.sampling.export, pymc"),
    ("stage", "diagnose", "kfp.dsl.executor_main, posterity.stages.diagnose, arviz_stats.base, matplotlib.pyplot"),
    ("stage", "register", "kfp.dsl.executor_main, posterity.stages.register, mlflow"),
    ("server", "the server", "posterity.server.app, granian, pandas"),
    ("registry", "MLflow", "mlflow.server"),
)
BYTECODE = """
import sys
from pathlib import Path
site = Path(next(path for path in sys.path if path.endswith("site-packages")))
print(sum(path.stat().st_size for path in site.rglob("*.pyc")))
"""
START = """
import json, os, resource, subprocess, sys

def start(**environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {MODULES}"], env={**os.environ, **environment}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

start()  # brings the files into memory
starts = [(start(), start(PYTHONPYCACHEPREFIX="/nowhere")) for _ in range(REPEATS)]
print(json.dumps([min(seconds) for seconds in zip(*starts)]))
"""
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Run the benchmark on images that `make images` has built."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.images", description=__doc__)
    parser.add_argument("--docker", default=os.environ.get("DOCKER", "docker"), help="command that keeps the images")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    engine, images = Engine(shlex.split(arguments.docker), []), Images(ROOT).names
    try:
        lacking = [name for name in images.values() if engine.facts(name) is None]
    except PosterityError as error:
        print(f"left out: {error}")
        return
    if lacking:
        print(f"left out: there is no image {lacking[0]}; run make images")
        return
    Console().print(size_table(engine, images))
    Console().print(start_table(engine, images, arguments.repeats))


def size_table(engine: Engine, images: Mapping[str, str]) -> Table:
    """Megabytes of each image."""
    table = Table("image", "compressed", "on disk", "of it bytecode", title="megabytes")
    for target, name in images.items():
        size = sizes(engine, [name], ROOT / "build/layers.json")[name]
        bytecode = int(in_container(engine, name, BYTECODE))
        table.add_row(target, *(f"{count / 1e6:,.0f}" for count in (size.compressed, size.disk, bytecode)))
    return table


def start_table(engine: Engine, images: Mapping[str, str], repeats: int) -> Table:
    """Seconds of each process."""
    table = Table("image", "process", "CPU s", "without bytecode", title="until everything is imported")
    for target, process, modules in STARTS:
        code = f"MODULES, REPEATS = {modules!r}, {repeats}\n{START}"
        seconds = json.loads(in_container(engine, images[target], code))
        table.add_row(target, process, *(f"{value:.1f}" for value in seconds))
    return table


def in_container(engine: Engine, image: str, code: str) -> str:
    """What Python code prints in an image."""
    command = [*engine.docker, "run", "--rm", "--network", "none", image, "python3", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
