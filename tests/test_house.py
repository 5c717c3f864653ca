"""Set-up, checks and what surrounds the code."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import posterity
from posterity.model.loading import load_model

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def phony() -> list[str]:
    found = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert found
    return found[1].split()


def test_help_is_the_default_and_lists_every_target_and_variable() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^  ([A-Za-z_-]+) ", shown, re.MULTILINE)
    variables = re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE)
    assert names == [*phony(), *variables]


def test_every_target_is_a_recipe_that_make_can_plan() -> None:
    done = subprocess.run(["make", "--dry-run", *phony()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "posterity run flights --as-of 2013-03-31" in done.stdout


def test_run_needs_no_tools_of_developers() -> None:
    done = subprocess.run(["make", "--dry-run", "-B", "run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".[stage,cluster,server]" in done.stdout
    assert ".[dev]" not in done.stdout


def locked() -> dict[str, list[str]]:
    """Package → the versions that the lock has of it, one per marker."""
    pins: dict[str, list[str]] = {}
    for name, pinned in re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", LOCK, re.MULTILINE):
        pins.setdefault(name, []).append(pinned)
    return pins


def test_lock_pins_what_every_group_asks_for() -> None:
    pins = locked()
    groups = PROJECT["optional-dependencies"].values()
    asked = [Requirement(text) for text in [*PROJECT["dependencies"], *(text for group in groups for text in group)]]
    for requirement in asked:
        if requirement.name != "posterity":
            assert requirement.name in pins, f"{requirement.name} is not in requirements.lock; run make lock"
            assert all(pinned in requirement.specifier for pinned in pins[requirement.name]), str(requirement)


def test_lock_has_a_hash_for_every_pin() -> None:
    entries = re.split(r"^(?=\S)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == sum(map(len, locked().values())) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "index-url" not in LOCK


def test_installed_is_what_is_locked() -> None:
    pins = locked()
    different = {name: version(name) for name in ("jax", "blackjax", "numpy", "pymc", "kfp", "mlflow")}
    assert all(found in pins[name] for name, found in different.items()), different


def test_version_is_the_same_everywhere() -> None:
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == posterity.__version__ == PROJECT["version"]


def test_licence_is_apache() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "Apache-2.0"
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text


def test_bundled_models_can_be_loaded() -> None:
    declared = PROJECT["entry-points"]["posterity.models"]
    assert {point.name for point in entry_points(group="posterity.models")} == set(declared)
    assert all(load_model(name).name == name for name in declared)


def test_hooks_before_a_commit_are_the_checks_of_lint() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert all(repo["repo"] == "local" for repo in config["repos"])
    assert all(hook["language"] == "system" for hook in hooks)
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe
    tools = [line.split()[0].removeprefix("@$(BIN)/") for line in recipe[1].splitlines()]
    assert [hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks] == tools


class Checks:
    """`.ci/run` in a tree of its own, with a make and a python that only note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tree"
        self.log = folder / "log"
        for name in (".ci", "tests", ".venv/bin", "bin"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / ".ci/run").write_text((ROOT / ".ci/run").read_text())
        (self.folder / ".ci/run").chmod(0o755)
        for name in ("bin/make", ".venv/bin/python", "bin/chromium"):
            self.write_command(name)

    def write_command(self, name: str, status: int = 0) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $* CI=$CI LAB=$LAB" >> {self.log}\nexit {status}\n')
        path.chmod(0o755)

    def run(self, lab: str = "") -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "LAB": lab}
        return subprocess.run([self.folder / ".ci/run"], env=environment, capture_output=True, text=True, cwd="/")

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def checks(tmp_path: Path) -> Checks:
    return Checks(tmp_path)


def test_ci_calls_the_readme_test_command(checks: Checks) -> None:
    assert checks.run().returncode == 0
    assert checks.calls() == ["bin/make test CI=true LAB="]
    assert "make test" in (ROOT / "README.md").read_text()


def test_ci_fails_when_the_tests_fail(checks: Checks) -> None:
    checks.write_command("bin/make", status=2)
    assert checks.run().returncode == 2


def test_ci_says_that_it_leaves_cluster_tests_out_without_a_lab(checks: Checks) -> None:
    (checks.folder / "tests/test_x.py").write_text("@pytest.mark.cluster\n")
    done = checks.run(lab="nowhere/lab")
    assert done.returncode == 0
    assert "left out" in done.stdout
    assert len(checks.calls()) == 1


def test_ci_runs_cluster_tests_in_a_lab(checks: Checks, tmp_path: Path) -> None:
    (checks.folder / "tests/test_x.py").write_text("@pytest.mark.cluster\n")
    checks.write_command("bin/lab")
    checks.write_command(".venv/bin/python", status=1)
    lab = checks.folder / "bin/lab"
    assert checks.run(lab=str(lab)).returncode == 1
    assert checks.calls()[1] == f".venv/bin/python -m pytest -m cluster CI=true LAB={lab}"
