"""The tag of the images: it changes with whatever goes into them, and with nothing else."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.images.inputs import BASE, image_tag, inputs
from posterity.errors import SettingsError

ROOT = Path(__file__).parents[3]
INPUTS = (
    "Dockerfile",
    "LICENSE",
    "pyproject.toml",
    "requirements.lock",
    "posterity",
    "components",
    "pipelines",
    "models",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what goes into the images, and of what lies beside it, to be changed."""
    for name in (*INPUTS, ".dockerignore", "docs", "README.md", "CHANGELOG.md", "Makefile"):
        source, target = ROOT / name, tmp_path / "checkout" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target)
    return tmp_path / "checkout"


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile",
        "pyproject.toml",
        "requirements.lock",
        "posterity/sampling/engine.py",
        "posterity/report/style.css",
        "components/sample.py",
        "pipelines/experiment.py",
        "pipelines/images/install.sh",
        "models/flights/bad/wrong_type.csv",
    ],
)
def test_a_change_of_what_goes_in_changes_the_tag(checkout: Path, name: str) -> None:
    before = image_tag(checkout)
    with (checkout / name).open("a") as file:
        file.write("\n")
    assert image_tag(checkout) != before


@pytest.mark.parametrize(
    "name",
    [
        "pipelines/experiment.yaml",
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        "docs/concepts.md",
        "tests/test_new.py",
        "benchmarks/overhead/__main__.py",
        "manifests/base/settings.yaml",
        ".gitignore",
        "posterity/__pycache__/runs.cpython-311.pyc",
        "posterity.egg-info/PKG-INFO",
        "models/.cache/x.py",
    ],
)
def test_a_change_of_anything_else_does_not(checkout: Path, name: str) -> None:
    before = image_tag(checkout)
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    with (checkout / name).open("a") as file:
        file.write("changed: true\n")
    assert image_tag(checkout) == before


def test_a_new_a_renamed_and_a_deleted_source_change_the_tag(checkout: Path) -> None:
    tags = [image_tag(checkout)]
    (checkout / "posterity/new.py").write_text("")
    tags.append(image_tag(checkout))
    (checkout / "posterity/new.py").rename(checkout / "posterity/newer.py")
    tags.append(image_tag(checkout))
    (checkout / "posterity/newer.py").unlink()
    assert len(set(tags)) == 3
    assert image_tag(checkout) == tags[0]


def test_the_place_of_the_checkout_and_the_time_of_its_files_do_not_count(checkout: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(checkout, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    assert image_tag(moved) == image_tag(checkout) == image_tag(ROOT)


def test_the_base_image_counts(checkout: Path) -> None:
    assert image_tag(checkout, BASE) == image_tag(checkout)
    assert image_tag(checkout, "python:3.11-slim-bookworm@sha256:0") != image_tag(checkout)


def test_a_tag_is_one_that_docker_takes() -> None:
    assert len(image_tag(ROOT)) == 16
    assert int(image_tag(ROOT), 16) >= 0


def test_inputs_are_the_rooms_that_run_and_what_builds_them() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in inputs(ROOT)}
    assert found == set(INPUTS)
    assert not [path for path in inputs(ROOT) if path.suffix in {".yaml", ".pyc"}]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"{tmp_path} has no .dockerignore"):
        image_tag(tmp_path)


def test_make_prints_the_tag_alone() -> None:
    done = subprocess.run(["make", "-s", "tag"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{image_tag(ROOT)}\n"
