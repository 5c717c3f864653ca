"""What a shard may import: seconds of every pod's start, and the size of its image."""

import json
import subprocess
import sys

import pytest

from posterity.sampling.plan import SamplerSettings
from tests.sampling.conftest import finish, plan_for, start_shard

HEAVY = {"pymc", "pytensor", "pandas", "mlflow", "arviz", "numba", "matplotlib", "sklearn", "kfp", "pandera"}


def modules_of(code):
    run = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_a_shard_imports_nothing_heavy():
    assert not modules_of("import posterity.sampling.shard") & HEAVY


def test_a_shard_that_has_sampled_has_imported_nothing_heavy(density, tmp_path):
    schools = density("eight_schools")
    plan = plan_for(schools, SamplerSettings(draws=20, warmup=20))
    output = finish(start_shard(tmp_path, plan, schools, "0"))
    assert not {name.partition(".")[0] for name in json.loads(output)["modules"]} & HEAVY


@pytest.mark.parametrize("module", ["assembly", "plan"])
def test_plans_and_draws_are_read_without_jax(module):
    assert not modules_of(f"import posterity.sampling.{module}") & (HEAVY | {"jax"})
