"""The program that builds images and keeps them: docker, or whatever understands its commands."""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posterity.errors import PosterityError, UnavailableError


@dataclass(frozen=True)
class Engine:
    """`docker`: the words of the command, ("docker",) for one; `builder`: those of `docker build`."""

    docker: Sequence[str]
    builder: Sequence[str]

    def facts(self, image: str) -> dict[str, Any] | None:
        """What `docker image inspect` says of an image, or None if there is none. Raises UnavailableError."""
        done = self._run("image", "inspect", image)
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)[0]
            return found
        message = done.stderr.strip()
        if re.search("no such image", message, re.IGNORECASE):
            return None
        raise UnavailableError(f"{' '.join(self.docker)}: {message}; start it, or name another with make DOCKER=…")

    def build(
        self, context: Path, target: str, image: str, arguments: Mapping[str, str], labels: Mapping[str, str]
    ) -> None:
        """Build a target of the Dockerfile in `context`. Raises PosterityError; the build has said why."""
        command = [*self.builder, "--target", target, "--tag", image, "--file", str(context / "Dockerfile")]
        command += [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        command += [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
        if self._call([*command, str(context)]):
            raise PosterityError(f"{image} could not be built; what went wrong is above")

    def tag(self, image: str, name: str) -> None:
        """Give an image another name."""
        if self._call([*self.docker, "tag", image, name]):
            raise PosterityError(f"{image} could not be tagged as {name}")

    def forget(self, image: str) -> None:
        """Take the name of an image away."""
        self._call([*self.docker, "image", "rm", image])

    def save(self, images: Sequence[str]) -> "subprocess.Popen[bytes]":
        """The process that writes the images as one archive to its standard output."""
        return subprocess.Popen([*self.docker, "save", *images], stdout=subprocess.PIPE)

    def _run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run([*self.docker, *words], capture_output=True, text=True)
        except OSError as error:
            raise UnavailableError(f"{self.docker[0]} cannot be run ({error.strerror}); install docker") from error

    @staticmethod
    def _call(command: Sequence[str]) -> int:
        """Run a command that speaks to the user itself; mounts in a Dockerfile need BuildKit."""
        return subprocess.run(command, env={"DOCKER_BUILDKIT": "1", **os.environ}).returncode
