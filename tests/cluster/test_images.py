"""The images: what is in them, how they run, and that they are the same when they are built again."""

import json
import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import posterity
from pipelines.images.build import TARGETS
from pipelines.images.engine import Engine
from tests.pipelines.images.test_package import write_package

from .lab import ROOT, CommandError, Lab, run

pytestmark = pytest.mark.cluster
LIMITS = {"server": 200e6, "sample": 350e6, "stage": 800e6}  # bytes, compressed
PRESENT = {
    "stage": {"posterity", "pymc", "jax", "kfp", "kfp-kubernetes", "mlflow", "pandas"},
    "sample": {"posterity", "jax", "blackjax", "kfp", "minio"},
    "server": {"posterity", "granian", "pandas", "minio"},
    "registry": {"mlflow", "psycopg2-binary", "boto3"},
}
ABSENT = {
    "stage": {"granian", "boto3"},
    "sample": {"pymc", "pytensor", "pandas", "mlflow", "arviz", "matplotlib", "numba", "scikit-learn", "granian"},
    "server": {"pymc", "pytensor", "jax", "jaxlib", "blackjax", "kfp", "kubernetes", "mlflow", "matplotlib", "numba"},
    "registry": {"posterity", "pymc", "jax", "kfp", "kubernetes", "granian"},
}
NOWHERE = {"pytest", "mypy", "ruff", "hypothesis", "moto", "uv", "pip"}
CONTENTS = Path(__file__).with_name("contents.py").read_text()
READ_ONLY = ("--read-only", "--tmpfs", "/tmp")
PLAN = """
from pathlib import Path
from posterity.stages import execute

def do(stage, made, *used, **inputs):
    inputs |= {name: Path(name) for name in used}
    return execute(stage, MODEL, "job", {"model": MODEL, **inputs}, {name: name for name in made})

day = {"as_of": "2013-02-28"}
do("ingest", ["snapshot"], source="", **day)
do("preprocess", ["clean"], "snapshot")
do("engineer_features", ["features"], "clean")
do("plan", ["plan"], "clean", "features", chains=1, shards="1", seed=1, sampler=SAMPLER, **day)
"""
SHARD = """
import json, sys
from pathlib import Path
from posterity.stages import execute

values = execute("sample", MODEL, "job", {"model": MODEL, "shard": "0", "plan": Path("plan")}, {"draws": "draws"})
print(json.dumps({**values, "modules": [name for name in ("models", "pandas", "jax") if name in sys.modules]}))
"""


class Images:
    """Images with one tag in the lab's docker; containers get no network."""

    def __init__(self, lab: Lab, tag: str) -> None:
        self.lab = lab
        self.names = {target: f"posterity/{target}:{tag}" for target in TARGETS}
        self.engine = Engine([str(lab.command), "docker"], [str(lab.command), "build-image"])
        self.contents: Callable[[str], dict[str, Any]] = cache(self._contents)

    def run(self, image: str, *command: str, options: tuple[str, ...] = ()) -> str:
        """What a container of an image prints."""
        return self.lab("docker", "run", "--rm", "--network", "none", *options, self.names[image], *command)

    def python(self, image: str, code: str, folder: Path | None = None) -> str:
        """What Python code prints in an image; `folder` is where it works.

        Kubeflow gives no stage a read-only file system, and PyMC writes into its home when it is imported.
        """
        place = ("--volume", f"{folder}:/work", "--workdir", "/work") if folder else ()
        return self.run(image, "python3", "-c", code, options=(*place, *(() if image == "stage" else READ_ONLY)))

    def facts(self, image: str) -> dict[str, Any]:
        """What docker says of an image."""
        found = self.engine.facts(self.names[image])
        assert found
        return found

    def _contents(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.python(image, CONTENTS))
        return found


@pytest.fixture(scope="module")
def images(lab: Lab, tag: str) -> Images:
    return Images(lab, tag)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the user of the images may write to."""
    tmp_path.chmod(0o777)
    return tmp_path


@pytest.mark.parametrize("image", TARGETS)
def test_an_image_holds_only_what_it_runs(images: Images, image: str) -> None:
    contents = images.contents(image)
    names = {package.partition("==")[0] for package in contents["packages"]}
    assert names >= PRESENT[image]
    assert not names & (ABSENT[image] | NOWHERE)
    assert not [name for name in names if re.search("nvidia|cuda|rocm", name)]
    assert (contents["left over"], contents["for GPUs"]) == ([], [])


@pytest.mark.parametrize("image", TARGETS)
def test_packages_are_those_of_the_lock(images: Images, image: str) -> None:
    found = set(images.contents(image)["packages"])
    lock = re.findall(r"^([a-z0-9-]+==[^ ;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    others = {re.sub("[_.](?=.*==)", "-", package) for package in found} - set(lock)
    assert others <= {f"posterity=={posterity.__version__}", "town==1.0"}


@pytest.mark.parametrize("image", TARGETS)
def test_no_process_has_to_compile_what_is_in_an_image(images: Images, image: str) -> None:
    assert images.contents(image)["compiled"] > 0.99, "all but templates, which are no valid Python"


@pytest.mark.parametrize("image", TARGETS)
def test_an_image_runs_as_a_user_without_rights(images: Images, image: str) -> None:
    assert images.facts(image)["Config"]["User"] == "10001:10001"
    assert images.contents(image)["uid"] == 10001


@pytest.mark.parametrize("image", TARGETS)
def test_an_image_says_what_it_is(images: Images, image: str) -> None:
    labels = images.facts(image)["Config"]["Labels"]
    named = {name: labels[f"org.opencontainers.image.{name}"] for name in ("title", "version", "revision", "licenses")}
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", named.pop("revision"))
    assert named == {"title": f"posterity/{image}", "version": posterity.__version__, "licenses": "Apache-2.0"}


@pytest.mark.parametrize("image", ["stage", "sample", "server"])
def test_a_process_knows_its_image_and_finds_the_models(images: Images, image: str) -> None:
    code = (
        "from posterity.model.loading import load_model; from posterity.settings import Settings; "
        "print(Settings.from_environment().image, load_model('flights').name, load_model('delays').name)"
    )
    assert images.python(image, code).split() == [images.names[image], "flights", "delays"]


def test_every_module_of_ours_can_be_imported_in_the_stage_image(images: Images) -> None:
    code = (
        "import components, models, pipelines, pkgutil, posterity; "
        "print(sum(bool(__import__(found.name)) for package in (components, models, pipelines, posterity) "
        "for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.') "
        "if not found.name.startswith('posterity.server') and not found.name.endswith('__main__')))"
    )
    assert int(images.python("stage", code)) > 150


@pytest.mark.parametrize(
    ("image", "options"), [("server", ("--env", "POSTERITY_STORE=file:///tmp/store")), ("registry", ())]
)
def test_a_server_is_healthy_with_a_read_only_file_system(images: Images, image: str, options: tuple[str, ...]) -> None:
    started = ("docker", "run", "--detach", "--network", "none", *READ_ONLY, *options, images.names[image])
    container = images.lab(*started).strip()
    try:
        assert wait_for_health(images.lab, container) == "healthy", images.lab("docker", "logs", container, check=False)
    finally:
        images.lab("docker", "rm", "--force", "--volumes", container)


def wait_for_health(lab: Lab, container: str) -> str:
    """What docker's own health check says once it has made up its mind, or the container has ended."""
    until = time.monotonic() + 180
    while time.monotonic() < until:
        state = json.loads(lab("docker", "inspect", "--format", "{{json .State}}", container))
        if state["Status"] != "running" or state["Health"]["Status"] != "starting":
            break
        time.sleep(1)
    return str(state["Health"]["Status"] if state["Status"] == "running" else state["Status"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "sampler", "imported"),
    [("flights", {"draws": 20, "warmup": 20, "max_depth": 4}, ["jax"]), ("delays", {"draws": 20}, ["models"])],
)
def test_a_shard_needs_no_more_than_its_image(
    images: Images, folder: Path, model: str, sampler: dict[str, int], imported: list[str]
) -> None:
    """Planned in one image, sampled in the other: chains from the plan alone, direct draws by the model's own code."""
    images.python("stage", f"MODEL, SAMPLER = {model!r}, {sampler!r}\n{PLAN}", folder)
    done = json.loads(images.python("sample", f"MODEL = {model!r}\n{SHARD}", folder))
    assert (done["chains"], done["sampled"]) == (1, 1)
    assert done["modules"] == imported


def test_building_again_builds_nothing(lab: Lab, tag: str) -> None:
    plain = lab.make("-s", "tag").strip()
    lab.make("images")
    said = lab.make("images")
    assert "nothing they are made from has changed" in said
    assert re.findall(rf"posterity/(\w+):{plain} +[\d,]+ MB", said) == list(TARGETS)


def test_sizes_are_printed_compressed_and_not(lab: Lab, tag: str) -> None:
    said = lab.make("sizes")
    rows = re.findall(r"posterity/(\w+):\w+ +([\d,]+) MB +([\d,]+) MB", said)
    assert [name for name, _, _ in rows] == list(TARGETS)
    for name, compressed, disk in rows:
        assert 50 < int(compressed) < int(disk.replace(",", "")) / 2
        assert int(compressed) * 1e6 < LIMITS.get(name, 1e9)


@pytest.mark.slow
def test_a_build_without_any_cache_gives_the_same_packages(images: Images) -> None:
    again = f"{images.names['server']}-again"
    builder = [*images.engine.builder, "--no-cache"]
    run([*builder, "--target", "server", "--tag", again, "--build-arg", f"IMAGE={again}", str(ROOT)])
    try:
        images.names["again"] = again
        assert set(images.contents("again")["packages"]) == set(images.contents("server")["packages"]) - {"town==1.0"}
    finally:
        images.lab("docker", "image", "rm", again)


@pytest.mark.slow
def test_a_package_of_models_is_put_on_top(images: Images, lab: Lab, tmp_path: Path) -> None:
    needed = ('dependencies = ["posterity"]', 'optional-dependencies.stage = ["humanize"]')
    folder = write_package(tmp_path / "coffee", *needed)
    models = f"MODELS={folder}"
    with pytest.raises(CommandError, match=r"needs humanize but has no requirements.lock; run make lock"):
        lab.make("images", models)
    (folder / "requirements.lock").touch()
    with pytest.raises(CommandError, match="no trusted hash was provided for: `humanize`"):
        lab.make("images", models)
    lab.make("lock", models)
    assert "4 images built" in lab.make("images", models)
    mine, plain = (Images(lab, lab.make("-s", "tag", *words).strip()) for words in ([models], []))
    code = "from posterity.model.loading import installed_models; print(*installed_models())"
    for image in ("stage", "sample", "server"):
        assert "coffee" in mine.python(image, code).split()
        assert mine.facts(image)["Config"]["User"] == "10001:10001"
        added = set(mine.contents(image)["packages"]) - set(plain.contents(image)["packages"])
        names = {package.partition("==")[0] for package in added}
        assert names == ({"coffee", "humanize"} if image == "stage" else {"coffee"})
