"""A batch of keys, scored by a Job beside the production server."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import yaml

from posterity.registry import versions
from posterity.registry.versions import Version
from tests.server.products import published

from .cluster import Cluster, new, until
from .lab import ROOT

pytestmark = pytest.mark.cluster

SPACE, JOB = "posterity", "job/posterity-score"
KEYS, SCORES = "scoring/in/keys.parquet", "scoring/out/scores.parquet"


class Batch:
    """The Job of this checkout, for keys of the newest version of a model."""

    def __init__(self, cluster: Cluster, version: Version) -> None:
        self.cluster, self.version = cluster, version
        self.keys = published(cluster.store, version)[["shop"]].iloc[::-1]
        cluster.store.overwrite(KEYS, self.keys.to_parquet(index=False))

    def start(self, **changes: str) -> None:
        """Apply the manifest as a user does who has named a version and this checkout's image."""
        objects = list(yaml.safe_load_all(self.cluster.lab.kubectl("kustomize", str(ROOT / "manifests/score"))))
        for item in objects:
            if item["kind"] == "ConfigMap":
                item["data"] |= {"VERSION": self.version.label, **changes}
            else:
                item["spec"]["template"]["spec"]["containers"][0]["image"] = self.cluster.images["stage"]
        self.kubectl("replace", "--force", "-f", "-", given=yaml.safe_dump_all(objects))

    def end(self) -> dict[str, Any]:
        """The condition with which the Job ends."""

        def over() -> dict[str, Any] | None:
            found = json.loads(self.kubectl("get", JOB, "-o", "json"))["status"].get("conditions", [])
            return next((item for item in found if item["type"] in {"Complete", "Failed"}), None)

        return until(over) or {}

    def kubectl(self, *words: str, given: str | None = None) -> str:
        return self.cluster.lab.kubectl("-n", SPACE, *words, given=given)


@pytest.fixture(scope="module")
def batch(cluster: Cluster, sales: str) -> Iterator[Batch]:
    log = cluster.run(new("coffee"), "coffee", "2026-08-31", source=sales, shards="2")
    made = Batch(cluster, versions.get(cluster.store, log.stage("register").values["version"]))
    yield made
    made.kubectl("delete", JOB, "--ignore-not-found", "--now")


def test_keys_in_the_store_are_scored_into_it(batch: Batch) -> None:
    batch.start()
    assert batch.end()["type"] == "Complete", batch.kubectl("logs", JOB)
    scores = pd.read_parquet(io.BytesIO(batch.cluster.store.get(SCORES)))
    pd.testing.assert_frame_equal(scores[list(batch.keys)], batch.keys.reset_index(drop=True))
    assert scores.notna().all(axis=None)
    assert f"{len(batch.keys)} rows scored with {batch.version.label}" in batch.kubectl("logs", JOB)


def test_what_is_refused_is_said_and_not_tried_again(batch: Batch) -> None:
    batch.start(KEYS="s3://posterity/scoring/in/none.parquet")
    assert batch.end()["reason"] == "PodFailurePolicy"
    assert "does not exist" in batch.kubectl("logs", JOB)
    pods = batch.kubectl("get", "pods", "-l", "app.kubernetes.io/name=posterity-score", "-o", "name").split()
    assert len(pods) == 1
