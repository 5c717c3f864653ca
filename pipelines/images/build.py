"""Build the images of a checkout, and those with a package of models on top of them."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pipelines.images.engine import Engine
from pipelines.images.inputs import BASE, image_tag, model_tag
from pipelines.images.package import ModelPackage
from posterity import __version__
from posterity.errors import PosterityError

REPOSITORY = "posterity"
TARGETS = ("sample", "stage", "server", "registry")
GROUPS = {"sample": "sample", "stage": "sample,stage", "server": "server"}
"""What runs models → the optional dependencies of a package of models that are installed there."""

FOR_MODELS = ("Dockerfile", "requirements.lock", "pyproject.toml", "pipelines/images/install.sh")
"""What the target `model` takes from the checkout."""


@dataclass(frozen=True)
class Images:
    """The images made from the checkout `root` on the image `base`, with `package` on top if there is one.

    repository: what their names begin with, such as registry.example.org/posterity.
    """

    root: Path
    base: str = BASE
    repository: str = REPOSITORY
    package: ModelPackage | None = None

    @cached_property
    def tag(self) -> str:
        """The tag of all images: a digest of what they are made from, as it was when it was first asked for."""
        return self._digest()

    @cached_property
    def names(self) -> dict[str, str]:
        """Target → the image's name."""
        return {target: f"{self.repository}/{target}:{self.tag}" for target in TARGETS}

    def build(self, engine: Engine) -> Iterator[str]:
        """Build the images that are not there, and name each that was built.

        Raises PosterityError when one cannot be built, or is not what its tag says.
        """
        missing = {target: name for target, name in self.names.items() if engine.facts(name) is None}
        if missing and self.package:
            yield from self._plain.build(engine)
        for target, name in missing.items():
            if self.package:
                self._put_models(engine, self.package, target, name)
            else:
                engine.build(self.root, target, name, {"BASE": self.base, "IMAGE": name}, self._labels(target))
            if self._digest() != self.tag:
                engine.forget(name)
                raise PosterityError(f"what {name} is made from was changed while it was built; build it again")
            yield name

    def _digest(self) -> str:
        plain = image_tag(self.root, self.base)
        return model_tag(plain, self.package.digests()) if self.package else plain

    @cached_property
    def _plain(self) -> "Images":
        return replace(self, package=None)

    def _put_models(self, engine: Engine, package: ModelPackage, target: str, name: str) -> None:
        """Put the package of models onto an image; the registry runs none."""
        plain = self._plain.names[target]
        if target not in GROUPS:
            engine.tag(plain, name)
            return
        arguments = {"BASE": self.base, "ON": plain, "IMAGE": name}
        arguments["PACKAGE"] = f"{package.project['name']}[{GROUPS[target]}]"
        with tempfile.TemporaryDirectory() as folder:
            context = Path(folder)
            for path in FOR_MODELS:
                (context / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.root / path, context / path)
            package.copy(context / "model")
            engine.build(context, "model", name, arguments, {})

    def _labels(self, target: str) -> dict[str, str]:
        prefix = "org.opencontainers.image"
        return {
            f"{prefix}.title": f"posterity/{target}",
            f"{prefix}.version": __version__,
            f"{prefix}.revision": revision(self.root),
        }


def revision(root: Path) -> str:
    """The commit that is checked out in `root`, with `-dirty` if a file of it is changed; `unknown` without Git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
