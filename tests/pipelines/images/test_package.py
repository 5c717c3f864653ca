"""A package of models of a user's own, before it is put onto the images: the one in the documentation."""

import re
import sys
from pathlib import Path

import pytest

from pipelines.images.inputs import model_tag
from pipelines.images.package import LOCK, ModelPackage
from posterity.errors import SettingsError
from tests.pipelines.readme import example

ROOT = Path(__file__).parents[3]
UV = str(Path(sys.executable).with_name("uv"))
WITHOUT = 'dependencies = ["posterity"]\n'


def write_package(folder: Path, *declared: str) -> Path:
    """The package in docs/cluster.md with the model of the README, and with what is `declared` for its dependencies."""
    described = re.search(r"^```toml\n(.*?)^```", (ROOT / "docs/cluster.md").read_text(), re.MULTILINE | re.DOTALL)
    assert described
    assert WITHOUT in described[1]
    folder.mkdir()
    (folder / "coffee.py").write_text(example()[1])
    (folder / "pyproject.toml").write_text(
        described[1].replace(WITHOUT, "".join(f"{x}\n" for x in declared) or WITHOUT)
    )
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_package(tmp_path / "coffee")


def tag(folder: Path) -> str:
    return model_tag("0", ModelPackage.read(folder).digests())


@pytest.mark.parametrize("name", ["coffee.py", "pyproject.toml", "data/prices.csv"])
def test_the_tag_depends_on_what_the_package_is_made_from(folder: Path, name: str) -> None:
    before = tag(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    with (folder / name).open("a") as file:
        file.write("\n")
    assert tag(folder) != before


@pytest.mark.parametrize("name", ["tests/test_coffee.py", "__pycache__/coffee.pyc", ".venv/bin/python", "x.egg-info/y"])
def test_the_tag_depends_on_nothing_else(folder: Path, name: str) -> None:
    before = tag(folder)
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text("")
    assert tag(folder) == before
    ModelPackage.read(folder).copy(folder.parent / "context")
    assert not (folder.parent / "context" / name).exists()


def test_the_tag_depends_on_the_images_below(folder: Path) -> None:
    files = ModelPackage.read(folder).digests()
    assert model_tag("1", files) != model_tag("2", files)


def test_links_are_copied_as_what_they_lead_to(folder: Path, tmp_path: Path) -> None:
    (folder / "coffee.py").rename(tmp_path / "elsewhere.py")
    (folder / "coffee.py").symlink_to(tmp_path / "elsewhere.py")
    ModelPackage.read(folder).copy(tmp_path / "context")
    assert not (tmp_path / "context/coffee.py").is_symlink()
    assert (tmp_path / "context/coffee.py").read_text() == (tmp_path / "elsewhere.py").read_text()


def test_a_package_that_needs_nothing_else_needs_no_lock(folder: Path, tmp_path: Path) -> None:
    ModelPackage.read(folder).copy(tmp_path / "context")
    assert (tmp_path / "context" / LOCK).read_text() == ""
    assert not (folder / LOCK).exists()


def test_dependencies_have_to_be_locked(tmp_path: Path) -> None:
    needed = ('dependencies = ["posterity>=0.1", "toolz"]', 'optional-dependencies.stage = ["pymc"]')
    folder = write_package(tmp_path / "coffee", *needed)
    with pytest.raises(SettingsError, match=f"needs toolz, pymc but has no {LOCK}; run make lock MODELS={folder}"):
        ModelPackage.read(folder).copy(tmp_path / "context")


def test_a_lock_has_the_versions_of_the_images(tmp_path: Path) -> None:
    needed = ('dependencies = ["posterity", "numpy", "iniconfig"]', 'optional-dependencies.stage = ["pymc"]')
    package = ModelPackage.read(write_package(tmp_path / "coffee", *needed))
    lines = package.lock(UV, ROOT / LOCK).read_text().splitlines()
    pins = {line.split()[0] for line in lines if not line.startswith(" ")}
    ours = {line.split()[0] for line in (ROOT / LOCK).read_text().splitlines() if not line.startswith(" ")}
    names = {pin.partition("==")[0] for pin in pins}
    assert {"numpy", "iniconfig", "pymc", "setuptools"} <= names, "its groups, and what builds it"
    assert "posterity" not in names
    assert pins <= ours, "all of them are in the images, at these versions"
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
    package.copy(tmp_path / "context")
    assert (tmp_path / "context" / LOCK).read_text().splitlines() == lines


def test_versions_that_do_not_fit_the_images_are_refused(tmp_path: Path) -> None:
    folder = write_package(tmp_path / "coffee", 'dependencies = ["numpy<2"]')
    with pytest.raises(SettingsError, match=r"(?s)coffee cannot be locked: .*numpy<2"):
        ModelPackage.read(folder).lock(UV, ROOT / LOCK)
    assert not (folder / LOCK).exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project", "is not valid TOML"),
        ("[project]\nversion = '1'\n", "has no name under"),
        ("[project]\nname = 'shop'\n", r'offers no model; list them under \[project.entry-points."posterity.models"\]'),
    ],
)
def test_a_package_that_cannot_be_used_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "pyproject.toml").write_text(text)
    with pytest.raises(SettingsError, match=message) as caught:
        ModelPackage.read(folder)
    assert str(folder) in str(caught.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere/pyproject.toml cannot be read \(No such file or directory\)"):
        ModelPackage.read(tmp_path / "nowhere")
