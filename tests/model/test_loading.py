"""Models found by name or by file."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from posterity.errors import ModelError
from posterity.model.loading import absolute_spec, installed_models, load_model
from tests.shop import SPEC


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules and paths that a test adds are gone after it."""
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, text: str, name: str = "own_model.py") -> str:
    (folder / name).write_text(textwrap.dedent(text))
    return str(folder / name)


def test_installed_models_load_by_name() -> None:
    assert "flights" in installed_models()
    assert load_model("flights").name == "flights"


def test_a_file_inside_a_package_keeps_its_dotted_name() -> None:
    model = load_model(SPEC)
    assert model.name == "shop"
    assert type(model).__module__ == "tests.shop"


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_spec("a/b.py:C") == f"{tmp_path}/a/b.py:C"
    assert absolute_spec("flights") == "flights"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = ", "cannot be imported: SyntaxError"),
        ("import nowhere_at_all", "cannot be imported: ModuleNotFoundError"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("", "has no class 'Own'"),
        ("class Own: pass", "not a model"),
        ("Own = 3", "not a model"),
        ("from posterity import MCMCModel\nclass Own(MCMCModel): pass", "name"),
        (
            "from posterity import MCMCModel, Quantity\nclass Own(MCMCModel):\n    name = 'own'; keys = ('a',)\n"
            "    row_keys = ('a',); quantities = (Quantity('q', 'm'),)",
            "build",
        ),
        (
            "from models.flights import model\nclass Own(model.Flights): divergence_budget = 4",
            "divergence_budget 4; it is a share",
        ),
    ],
)
def test_what_is_no_model_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ModelError, match=said):
        load_model(f"{path}:Own")


def test_a_missing_file_and_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"does not exist.*path/file\.py:Class"):
        load_model(f"{tmp_path}/none.py:Own")
    with pytest.raises(ModelError, match=r"no model named 'none'.*flights"):
        load_model("none")


def test_a_file_named_like_an_imported_module_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "class Own: pass", "json.py")
    with pytest.raises(ModelError, match=r"'?json'? is taken by .*rename"):
        load_model(f"{path}:Own")
