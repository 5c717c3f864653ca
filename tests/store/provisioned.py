"""A real MinIO, set up as `manifests/minio` declares it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from minio import Minio

from posterity.store import provision

from .servers import KEYS, minio

DECLARED = Path(__file__).parents[2] / "manifests/minio"
USERS = json.loads((DECLARED / "store.json").read_text())["users"]


@dataclass(frozen=True)
class Provisioned:
    """A server that was set up; `folder` and `users` are what it was set up from."""

    endpoint: str
    folder: Path
    users: Path

    def keys(self, user: str) -> dict[str, str]:
        """What the environment of a pod has of the user."""
        secret = (self.users / user).read_text().strip()
        return {"AWS_ENDPOINT_URL_S3": self.endpoint, "AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": secret}

    def client(self, user: str) -> Minio:
        keys = self.keys(user)
        return self._client(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])

    @property
    def root(self) -> Minio:
        return self._client(*KEYS.values())

    def _client(self, user: str, secret: str) -> Minio:
        return Minio(self.endpoint.removeprefix("http://"), user, secret, secure=False, region="us-east-1")


@contextmanager
def provisioned(base: Path, settings: Mapping[str, str] | None = None) -> Iterator[Provisioned]:
    """A server, with more settings if given, after its set-up; meanwhile the environment has what its administrator
    has."""
    folder, users = base / "plan", base / "users"
    folder.mkdir()
    users.mkdir()
    for path in (DECLARED / "store.json", *(DECLARED / "policies").glob("*.json")):
        shutil.copy(path, folder)
    for user in USERS:
        (users / user).write_text(f"secret-of-{user}\n")
    with minio(base / "data", settings=settings) as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {"AWS_ENDPOINT_URL_S3": endpoint, **KEYS}.items():
            environment.setenv(name, value)
        provision.main([str(folder), str(users)])
        yield Provisioned(endpoint, folder, users)
