"""What the Job of `manifests/score` runs, on MinIO, with the credentials and settings that it has on a cluster."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from posterity.registry import aliases
from posterity.store import open_store
from tests.server.products import published, register, sales
from tests.store.provisioned import Provisioned, provisioned

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests/score"
DAY = "2026-02-28"


def declared() -> dict[str, str]:
    """The environment that the ConfigMap of the Job gives it."""
    (generated,) = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["configMapGenerator"]
    return dict(item.split("=", 1) for item in generated["literals"])


@pytest.fixture(scope="module")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provisioned]:
    """A store with shop/1 as the champion, and keys to be scored."""
    local = open_store(f"file://{tmp_path_factory.mktemp('job')}/store")
    clean = sales(tmp_path_factory.mktemp("sales"), DAY)
    version = register(local, clean, DAY)
    aliases.move(local, "shop", "champion", version.number, "tests", "first")
    keys = published(local, version)[["shop"]].iloc[::-1]
    with provisioned(tmp_path_factory.mktemp("minio")) as found:
        for key in local.list(""):
            data = local.get(key)
            found.root.put_object("posterity", key, io.BytesIO(data), len(data))
        data = keys.to_parquet(index=False)
        found.root.put_object("posterity", "scoring/in/keys.parquet", io.BytesIO(data), len(data))
        yield found


def run(minio: Provisioned, tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    (container,) = yaml.safe_load((MANIFESTS / "job.yaml").read_text())["spec"]["template"]["spec"]["containers"]
    script = tmp_path / "posterity"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -W error -m pipelines.cli "$@"\n')
    script.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    environment |= {"POSTERITY_STORE": "s3://posterity", **declared(), **minio.keys("posterity-scoring"), **changes}
    command: list[Any] = container["command"]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def test_keys_of_the_bucket_are_scored_into_it(minio: Provisioned, tmp_path: Path) -> None:
    done = run(minio, tmp_path, VERSION="shop@champion")
    assert done.returncode == 0, done.stderr
    assert "6 rows scored with shop/1: s3://posterity/scoring/out/scores.parquet" in done.stdout
    written = minio.root.get_object("posterity", "scoring/out/scores.parquet").read()
    scores = pd.read_parquet(io.BytesIO(written))
    assert scores["shop"].tolist() == list("fedcba")
    assert list(scores)[:2] == ["shop", "sales_mean"]
    assert scores["sales_q05"].notna().all()


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        ({"VERSION": "shop/9"}, 3, "shop has no version '9'"),
        ({"KEYS": "s3://posterity/scoring/in/none.parquet"}, 3, "does not exist"),
        ({"SCORES": "s3://posterity/products/x.parquet"}, 3, "AccessDenied; check bucket, credentials"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_tried_again(
    minio: Provisioned, tmp_path: Path, changes: dict[str, str], code: int, why: str
) -> None:
    done = run(minio, tmp_path, **{"VERSION": "shop/1", **changes})
    assert why in done.stderr
    assert done.returncode == code, done.stderr
