"""The rooms of the house and who may enter which."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import posterity

ROOT = Path(__file__).parents[1]
ROOMS = ("posterity", "components", "pipelines", "models")

# Contract → a module and an import that it forbids there.
PLANTED = {
    "pipelines -> components -> posterity": ("components/ingest.py", "import pipelines.compile"),
    "models know the contract and the errors alone": ("models/flights/table.py", "import posterity.store"),
    "the numerics do no I/O": ("posterity/stats/scores.py", "import posterity.store"),
    "the library never imports kfp": ("posterity/runs.py", "import kfp"),
    "only the exporter and the prior check import PyMC": ("posterity/sampling/engine.py", "import pymc"),
    "only the engine room imports JAX": ("posterity/stages/plan.py", "import jax"),
    "the server imports what its image holds": ("posterity/server/rows.py", "import posterity.stages"),
    "only tracking imports MLflow": ("posterity/registry/aliases.py", "import mlflow"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def sources(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from sorted((ROOT / room).rglob("*.py"))


def test_import_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_is_in_force(tmp_path: Path) -> None:
    """A wrong import planted for each contract in a copy of the sources breaks that very contract."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.csv"))
    for path, line in PLANTED.values():
        with (tmp_path / path).open("a") as file:
            file.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert set(re.findall(r"^(.+?) BROKEN", done.stdout, re.MULTILINE)) == set(PLANTED)
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in configured} == set(PLANTED)


def test_exported_names() -> None:
    assert sorted(posterity.__all__) == [
        "Assumption",
        "Contributions",
        "Draws",
        "Estimand",
        "Horizon",
        "Limit",
        "MCMCModel",
        "Metric",
        "Model",
        "MonteCarloModel",
        "PersonalColumn",
        "Quantity",
        "Release",
        "__version__",
    ]
    assert all(hasattr(posterity, name) for name in posterity.__all__)


@pytest.mark.parametrize("package", ["posterity.store", "posterity.stages"])
def test_packages_export_what_they_say(package: str) -> None:
    module = importlib.import_module(package)
    assert all(hasattr(module, name) for name in module.__all__)


def test_importing_the_library_is_light() -> None:
    """A model's author, a server and a shard import it; none of them pays for what it does not use."""
    code = (
        "import sys, posterity, posterity.stages; "
        "print(*{'pandas', 'pyarrow', 'scipy', 'pymc', 'jax', 'mlflow', 'matplotlib', 'kfp'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_module_or_function_is_too_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {length} lines"
        for path in sources(*ROOMS, "benchmarks")
        if (length := path.read_text().count("\n")) > 400
    ]
    long += [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines"
        for path in sources(*ROOMS, "benchmarks")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > 60
    ]
    assert long == []


def test_only_errors_of_our_own_are_raised() -> None:
    """Nothing general, which nobody could tell from a fault and which has no exit code."""
    builtin = {"BaseException", "Exception", "RuntimeError", "KeyError", "OSError", "AssertionError"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("posterity", "pipelines", "components")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in builtin
    ]
    assert found == []
