"""Build, measure, load and name the images: what `make images`, `make sizes`, `make load` and `make tag` call."""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.images.build import REPOSITORY, Images
from pipelines.images.engine import Engine
from pipelines.images.inputs import BASE
from pipelines.images.package import LOCK, ModelPackage
from pipelines.images.sizes import disk_size, sizes
from posterity.errors import NotFoundError, PosterityError

ROOT = Path(__file__).parents[2]
LAYERS = ROOT / "build" / "layers.json"


def main() -> None:
    """Do what the command line says; errors raised on purpose are one line and an exit code."""
    arguments = parser().parse_args()
    try:
        arguments.work(arguments)
    except PosterityError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m pipelines.images", description=__doc__)
    made.add_argument("--base", default=BASE, help="image that all others are built on")
    made.add_argument("--repository", default=REPOSITORY, help="what the names of images begin with")
    made.add_argument("--models", default="", help="folder of a package of models to put on top")
    made.add_argument("--docker", default="docker", help="command that keeps images")
    made.add_argument(
        "--build", default="", help="command that takes the options of docker build; default DOCKER build"
    )
    commands = made.add_subparsers(required=True)
    for work in (tag, build, measure, load, lock):
        command = commands.add_parser(work.__name__, help=work.__doc__)
        command.set_defaults(work=work)
        if work is load:
            command.add_argument("loader", help="command that takes the name of an image into the cluster")
    return made


def tag(arguments: argparse.Namespace) -> None:
    """Print the tag: a digest of what the images are made from."""
    print(_images(arguments).tag)


def build(arguments: argparse.Namespace) -> None:
    """Build the images that are not there, and print the size of each."""
    engine, images = _engine(arguments), _images(arguments)
    built = list(images.build(engine))
    print(f"{len(built)} images built" if built else "all images are there: nothing they are made from has changed")
    table = Table("image", "on disk", box=None)
    for name in images.names.values():
        table.add_row(name, _megabytes(disk_size(engine, name)))
    Console().print(table)
    print("Next: make load")


def measure(arguments: argparse.Namespace) -> None:
    """Print the sizes of the images on disk and compressed; a layer is compressed once."""
    engine, names = _engine(arguments), _names(arguments)
    table = Table("image", "compressed", "on disk", box=None)
    for name, size in sizes(engine, names, LAYERS).items():
        table.add_row(name, _megabytes(size.compressed), _megabytes(size.disk))
    Console().print(table)


def load(arguments: argparse.Namespace) -> None:
    """Load the images into the cluster."""
    for name in _names(arguments):
        if subprocess.run([*shlex.split(arguments.loader), name]).returncode:
            raise PosterityError(f"{name} could not be loaded; what went wrong is above")
    print("Next: make deploy")


def lock(arguments: argparse.Namespace) -> None:
    """Lock what a package of models depends on."""
    uv = Path(sys.executable).with_name("uv")
    print(f"{ModelPackage.read(Path(arguments.models)).lock(str(uv), ROOT / LOCK)} is written")


def _images(arguments: argparse.Namespace) -> Images:
    package = ModelPackage.read(Path(arguments.models)) if arguments.models else None
    return Images(ROOT, arguments.base, arguments.repository, package)


def _names(arguments: argparse.Namespace) -> list[str]:
    """The names of the images. Raises NotFoundError when one is not there."""
    engine, names = _engine(arguments), list(_images(arguments).names.values())
    if missing := [name for name in names if engine.facts(name) is None]:
        raise NotFoundError(f"there is no image {missing[0]}; run make images")
    return names


def _engine(arguments: argparse.Namespace) -> Engine:
    docker = shlex.split(arguments.docker)
    return Engine(docker, shlex.split(arguments.build) or [*docker, "build"])


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


if __name__ == "__main__":
    main()
