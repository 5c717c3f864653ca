import subprocess
import sys

import numpy as np
import pytest

from posterity.errors import CorruptError
from posterity.sampling.density import Density


def test_it_survives_its_bytes(density):
    schools = density("eight_schools")
    again = Density.from_bytes(schools.to_bytes())
    assert again.digest == schools.digest
    assert (again.free, again.parameters, dict(again.coords)) == (schools.free, schools.parameters, schools.coords)
    x = schools.initial + 0.3
    assert again.value_and_grad(x)[0] == schools.value_and_grad(x)[0]
    np.testing.assert_array_equal(again.constrain(x)["theta"], schools.constrain(x)["theta"])


def test_cut_bytes_are_refused_by_name(density):
    with pytest.raises(CorruptError, match="plans/x/density"):
        Density.from_bytes(density("eight_schools").to_bytes()[:-1], "plans/x/density")


def test_it_is_read_and_evaluated_without_pymc(density, tmp_path):
    schools = density("eight_schools")
    path = tmp_path / "density"
    path.write_bytes(schools.to_bytes())
    code = f"""
import sys; from pathlib import Path
from posterity.sampling.density import Density
density = Density.from_bytes(Path({str(path)!r}).read_bytes())
print(repr(density.value_and_grad(density.initial)[0]))
assert not {{"pymc", "pytensor", "pandas", "blackjax"}} & set(sys.modules), sys.modules
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) == schools.value_and_grad(schools.initial)[0]
