"""What each stage may import: a pod starts as fast as its imports, and a library that is not there cannot break it.
And how it ends: with large libraries loaded, the interpreter's last collection takes longer than many a stage."""

import subprocess
import sys

import pytest

from posterity.runs import ORDER
from tests.pipelines.conftest import Folder, Newcomer

HEAVY = "arviz arviz_stats jax kfp matplotlib mlflow pandas pandera pymc pytensor scipy sklearn".split()  # noqa: SIM905
TABLES = {"pandas"}
PICTURES = {"pandas", "matplotlib", "scipy"}
BUDGET = {
    "ingest": TABLES,
    "check_data": {"pandas", "pandera"},
    "preprocess": TABLES,
    "engineer_features": PICTURES,
    "plan": PICTURES,
    "sample": set(),
    "diagnose": {*PICTURES, "arviz_stats"},
    "predict": PICTURES,
    "evaluate": {*PICTURES, "sklearn"},
    "detect_drift": PICTURES,
    "register": {*PICTURES, "mlflow"},
    "notify": set(),
}
PYMC = {"arviz", "arviz_stats", "jax", "pymc", "pytensor", "sklearn"}  # all that PyMC brings along
MCMC = {"plan": BUDGET["plan"] | PYMC, "sample": {"jax", "scipy"}}  # stages that need more for a PyMC model
RECORD = """
import sys
from posterity.runs import RunLog
from posterity.settings import Settings
from posterity.stages.runner import context_of, execute, find_stage
from posterity.store import open_store

settings = Settings.from_environment()
log = RunLog(open_store(settings.store), "first")
record = next(record for record in log.stages() if record.stage == sys.argv[1])
"""
CODE = f"""{RECORD}
find_stage(record.stage).work(context_of(log, record, settings))
print("imported", *[name for name in {HEAVY} if name in sys.modules])
"""
ENDING = f"""{RECORD}
class Cycle:
    def __init__(self):
        self.itself = self

    def __del__(self):
        print("collected")

execute(record.stage, "ended", "", record.inputs, {{}})
print("executed")
cycle = Cycle()
"""


def test_every_stage_has_a_budget() -> None:
    assert set(BUDGET) == set(ORDER)


@pytest.mark.parametrize("stage", ORDER)
def test_a_stage_imports_no_library_that_it_does_not_use(folder: Folder, stage: str) -> None:
    assert imported(folder, stage) <= BUDGET[stage]


@pytest.mark.parametrize("stage", ORDER)
def test_a_pymc_model_costs_no_other_stage_an_import(newcomer: Newcomer, stage: str) -> None:
    assert imported(newcomer.folder, stage) <= MCMC.get(stage, BUDGET[stage])


def test_nothing_is_collected_when_the_process_of_a_stage_ends(folder: Folder) -> None:
    said = output(folder, ENDING, "ingest")
    assert "executed" in said
    assert "collected" not in said


def imported(folder: Folder, stage: str) -> set[str]:
    """The heavy libraries that the work of a stage imports."""
    return set(output(folder, CODE, stage).rpartition("imported")[2].split())


def output(folder: Folder, code: str, stage: str) -> str:
    """What `code` prints of a stage, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, stage],
        cwd=folder.path,
        env=folder.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
