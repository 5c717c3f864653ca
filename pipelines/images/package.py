"""A package of models that a user puts on top of the images."""

import re
import shutil
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.images.inputs import digests, files_in
from posterity.errors import SettingsError
from posterity.model.loading import GROUP

LOCK = "requirements.lock"
PROVIDED = "posterity"  # a package of models may depend on it, and need not lock it: it is in the images
FOR_ALL = ("--universal", "--python-version", "3.11", "--all-extras")  # platforms and newer Pythons, as our own lock
PLAIN = ("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")


@dataclass(frozen=True)
class ModelPackage:
    """A package in the folder `folder` with the content `declared` of its pyproject.toml."""

    folder: Path
    declared: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "ModelPackage":
        """Look at the package in `folder`. Raises SettingsError naming what it lacks."""
        path = folder / "pyproject.toml"
        try:
            package = cls(folder, tomllib.loads(path.read_text()))
        except OSError as error:
            raise SettingsError(
                f"{path} cannot be read ({error.strerror}); MODELS is the folder of a package"
            ) from error
        except ValueError as error:
            raise SettingsError(f"{path} is not valid TOML: {error}") from error
        if "name" not in package.project:
            raise SettingsError(f"{path} has no name under [project]; give the package one")
        if not package.project.get("entry-points", {}).get(GROUP):
            raise SettingsError(f'{path} offers no model; list them under [project.entry-points."{GROUP}"]')
        return package

    @property
    def project(self) -> dict[str, Any]:
        """The table `project`."""
        found: dict[str, Any] = self.declared.get("project", {})
        return found

    def files(self) -> list[Path]:
        """What the package is made from; its tests are not."""
        return sorted(path for path in files_in(self.folder) if path.relative_to(self.folder).parts[0] != "tests")

    def digests(self) -> dict[str, str]:
        """Name of a file → SHA-256 of its content."""
        return digests(self.folder, self.files())

    def copy(self, to: Path) -> None:
        """Copy the files to the folder `to`; a package that needs nothing else gets an empty lock.

        Raises SettingsError on dependencies that are not locked.
        """
        for path in self.files():
            target = to / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        if not (to / LOCK).exists():
            if needed := ", ".join(self.dependencies):
                raise SettingsError(
                    f"{self.folder} needs {needed} but has no {LOCK}; run make lock MODELS={self.folder}"
                )
            (to / LOCK).touch()

    @property
    def dependencies(self) -> list[str]:
        """What it depends on, in any of its groups, that has to be locked."""
        groups = self.project.get("optional-dependencies", {}).values()
        named = [*self.project.get("dependencies", []), *(text for group in groups for text in group)]
        return [text for text in named if re.split(r"[^\w.-]", text, maxsplit=1)[0] != PROVIDED]

    def lock(self, uv: str, images: Path) -> Path:
        """Write the lock: all that the package and its build need, with hashes, at the versions that `images`, the lock
        of the images, has. Raises SettingsError when no versions fit together.
        """
        written = self.folder / LOCK
        needed = [str(self.folder / "pyproject.toml"), "-"]  # the latter is what its build needs
        requires = self.declared.get("build-system", {}).get("requires", ["setuptools"])
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as provided:
            provided.write(PROVIDED)
            provided.flush()
            command = [uv, "pip", "compile", "--quiet", "--generate-hashes", *FOR_ALL, *PLAIN]
            command += ["--excludes", provided.name, "--constraint", str(images), "--output-file", str(written)]
            done = subprocess.run([*command, *needed], input="\n".join(requires), capture_output=True, text=True)
        if done.returncode:
            raise SettingsError(f"{self.folder} cannot be locked: {done.stderr.strip()}")
        return written
