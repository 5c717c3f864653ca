import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from posterity.store import ObjectStore, open_store

from .servers import BUCKET, KEYS, make_bucket, minio, moto


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    with moto() as endpoint:
        make_bucket(endpoint)
        yield endpoint


@pytest.fixture(scope="session")
def minio_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with minio(tmp_path_factory.mktemp("minio")) as endpoint:
        make_bucket(endpoint)
        yield endpoint


@pytest.fixture(params=["directory", "moto", "minio"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The URL of an empty store of each kind, its settings in the environment."""
    if kind == "directory":
        return f"file://{tmp_path / 'store'}"
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue(f"{kind}_endpoint"))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/tests/{secrets.token_hex(8)}"


@pytest.fixture
def store(url: str) -> ObjectStore:
    return open_store(url)
