"""Whether a model can score in a server is tried where the server's image has no more libraries."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from posterity.scoring import rehearsal
from posterity.store import ObjectStore, open_store
from tests.server.products import register, sales
from tests.stalls import NeedsPyMC

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path}/store")


def test_a_model_that_predicts_with_numpy_can_score(store: ObjectStore, tmp_path: Path) -> None:
    version = register(store, sales(tmp_path, "2026-02-28"), "2026-02-28")
    assert rehearsal.why_not_scored(store.url, version) == ""


def test_a_model_that_predicts_with_pymc_is_told_so(store: ObjectStore, tmp_path: Path) -> None:
    version = register(store, sales(tmp_path, "2026-02-28"), "2026-02-28", NeedsPyMC(), about={})
    why = rehearsal.why_not_scored(store.url, version)
    assert why == "ModuleNotFoundError: pymc is not in the image of the server"


def requirements(group: str) -> set[str]:
    """The packages that a group asks for, those of other groups that it takes in included."""
    found: set[str] = set()
    for text in PROJECT["optional-dependencies"][group]:
        name = re.split(r"[\[<>=;~! ]", text)[0]
        found |= requirements(text.partition("[")[2].rstrip("]")) if name == "posterity" else {name}
    return found


def test_what_is_absent_is_what_stages_have_and_servers_have_not() -> None:
    server = requirements("server") | {re.split(r"[<>=]", text)[0] for text in PROJECT["dependencies"]}
    names = importlib.metadata.packages_distributions()
    for package in sorted(requirements("stage") - server):
        modules = {module for module, owners in names.items() if package in {owner.lower() for owner in owners}}
        assert modules & set(rehearsal.ABSENT), package
    kept = {module for module, owners in names.items() if server & {owner.lower() for owner in owners}}
    assert not kept & set(rehearsal.ABSENT)
