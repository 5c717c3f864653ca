"""Digests of code: what a change of the model runs again, and what it does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from posterity.model.definition import module_digest, modules_behind

MODEL = '''
"""A model."""
import numpy as np
from posterity import MonteCarloModel, Quantity
from helper import scale

RATE = 2.0
OTHER = 5.0

def inner(x):
    return x * RATE

class Own(MonteCarloModel):
    """Documented."""
    name = "own"
    keys = ("a",)
    row_keys = ("a",)
    quantities = (Quantity("q", "m"),)

    def schema(self, as_of): return None
    def features(self, clean): return self.tidy(clean)
    def tidy(self, table): return table
    def targets(self, clean, as_of): return clean
    def predict(self, draws, targets): return {}
    def fit(self, features): return {"a": np.array([inner(1.0)])}
    def draw(self, fitted, rng, n): return {"x": scale(rng.normal(size=n))}
'''
HELPER = "FACTOR = 3.0\ndef scale(x):\n    return x * FACTOR\ndef unused(x):\n    return x\n"
CODE = """
import sys
from posterity.model.definition import definition_digest
from posterity.model.loading import load_model
model = load_model("own.py:Own")
print(*[definition_digest(model, [name]) for name in sys.argv[1:]])
"""
PARTS = ("fit", "draw", "features", "quantities")


def digests(folder: Path, model: str = MODEL, helper: str = HELPER) -> dict[str, str]:
    """In a process of its own, since syntax trees are cached."""
    folder.mkdir(exist_ok=True)
    (folder / "own.py").write_text(model)
    (folder / "helper.py").write_text(helper)
    done = subprocess.run([sys.executable, "-c", CODE, *PARTS], cwd=folder, capture_output=True, text=True, check=True)
    return dict(zip(PARTS, done.stdout.split(), strict=True))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return digests(tmp_path_factory.mktemp("before"))


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("RATE = 2.0", "RATE = 2.5", {"fit"}),
        ("x * RATE", "x / RATE", {"fit"}),
        ("OTHER = 5.0", "OTHER = 6.0", set()),
        ("Documented.", "Said otherwise.", set()),
        ("    def fit", "    # why\n\n    def fit", set()),
        ("FACTOR = 3.0", "FACTOR = 4.0", {"draw"}),
        ("    return x\n", "    return -x\n", set()),
        ("return self.tidy(clean)", "return self.tidy(clean).copy()", {"features"}),
        ("def tidy(self, table): return table", "def tidy(self, table): return table.dropna()", {"features"}),
        ('Quantity("q", "m")', 'Quantity("q", "km")', {"quantities"}),
    ],
)
def test_a_change_reaches_what_uses_it_and_nothing_else(
    before: dict[str, str], tmp_path: Path, old: str, new: str, changed: set[str]
) -> None:
    assert old in MODEL + HELPER
    after = digests(tmp_path / "own", MODEL.replace(old, new), HELPER.replace(old, new))
    assert {name for name in PARTS if before[name] != after[name]} == changed


def test_the_folder_does_not_count(before: dict[str, str], tmp_path: Path) -> None:
    assert digests(tmp_path / "elsewhere") == before


def test_a_stage_consists_of_itself_and_what_it_imports_from_the_library() -> None:
    found = modules_behind("posterity.stages.ingest")
    assert {"posterity.stages.ingest", "posterity.data.snapshot", "posterity.store.digest"} <= set(found)
    assert "posterity.stages.plan" not in found
    assert not [name for name in found if name.split(".")[0] != "posterity"]
    assert module_digest("posterity.stages.ingest") != module_digest("posterity.stages.preprocess")
