"""Candidate → staging → approval → production by pipelines, and back, while somebody keeps asking for predictions."""

import io
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest
import urllib3

from pipelines.compile import versions as compiled
from pipelines.compile_settings import CompileSettings
from pipelines.kubeflow.api import PipelinesApi
from posterity.registry import aliases, audit, versions
from posterity.registry.versions import Version
from posterity.release import pins, staging
from posterity.release.check import Check
from posterity.release.start import PRODUCTION, STAGING, start
from posterity.settings import Settings
from tests.release import products

from .cluster import Cluster, new, until
from .lab import ROOT, Lab
from .test_submit import Command, person  # noqa: F401 (a fixture)

pytestmark = pytest.mark.cluster

PATIENCE = 60  # seconds until servers have to be up: enough for those that come up at all


class Reader:
    """A user of the production server, who asks for the current rows again and again, and counts what fails."""

    def __init__(self, url: str, model: str) -> None:
        self.url, self.model = url, model
        self.answers, self.failures = 0, list[str]()
        self.seen: list[int] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._ask_on)

    def _ask_on(self) -> None:
        http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=10), retries=False)
        while not self._end.wait(0.02):
            try:
                answer = http.request("GET", f"{self.url}/v1/products/{self.model}/predictions?limit=10000")
                facts = answer.json()
                whole = answer.status == 200 and facts["rows"] == len(facts["predictions"])
                if not whole:
                    self.failures.append(f"{answer.status} {answer.data[:200]!r}")
                elif not self.seen or self.seen[-1] != facts["version"]:
                    self.seen.append(facts["version"])
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                self.failures.append(repr(error))
            self.answers += 1

    @contextmanager
    def reading(self) -> Iterator["Reader"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._end.set()
            self._thread.join()


class Line:
    """A model of this test's own on its way into production, and whoever moves it there."""

    def __init__(self, cluster: Cluster, call: Command, api: str) -> None:
        self.cluster, self.store, self.call = cluster, cluster.store, call
        self.model = products.FACTS["model"]
        self.settings = Settings(store="s3://posterity", api_endpoint=api)

    def made(self, number: int, rows: int, **facts: Any) -> Version:
        """Register the candidate `number`, of `rows` rows."""
        table = products.predictions(rows, number, mark=float(number))
        facts |= {"model": self.model, "run": f"{self.model}-{number}", "parameters": {"model": self.model, "seed": 1}}
        return products.register(self.store, table, **facts)

    def runs(self, pipeline: str, version: Version, **parameters: Any) -> str:
        """How a release pipeline ends for a version."""
        given = {"patience": PATIENCE, **parameters}
        return self.cluster.finish(start(self.settings, pipeline, version.label, **given)[0])

    def posterity(self, *words: str) -> str:
        """What the command says to somebody with a kubeconfig; it has to succeed."""
        done = self.call("posterity", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def champion(self) -> int | None:
        return aliases.current(self.store, self.model, "champion")

    def image(self, namespace: str = "posterity") -> str:
        spec = self.cluster.lab.get("deployment", "posterity-server", namespace)["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    def is_complete(self, number: int) -> bool:
        """Whether the promotion of a version is at its end."""
        done = audit.last(self.store, self.model, "promoted")
        return bool(done) and done.number == number == self.champion()

    def roll_out(self, image: str, namespace: str) -> None:
        self.cluster.lab.kubectl("-n", namespace, "set", "image", "deployment/posterity-server", f"server={image}")
        self.cluster.lab.kubectl("-n", namespace, "rollout", "status", "deployment/posterity-server", "--timeout=120s")


@pytest.fixture(scope="module")
def line(cluster: Cluster, person: Command) -> Iterator[Line]:  # noqa: F811
    """The release pipelines of this checkout are there; the servers are afterwards as they were before."""
    with pytest.MonkeyPatch.context() as patch, cluster.lab.forward("ml-pipeline", 8888) as api:
        patch.setitem(products.FACTS, "model", f"release-{secrets.token_hex(3)}")
        uploads = PipelinesApi(f"http://{api}")
        for name, (version, text) in compiled(CompileSettings(image=cluster.images["stage"])).items():
            uploads.upload(name, version, text)
        made = Line(cluster, person, f"http://{api}")
        yield made
        for namespace in ("posterity-staging", "posterity"):
            made.roll_out(cluster.images["server"], namespace)


@pytest.fixture(scope="module")
def first(line: Line) -> Version:
    """The first version, in production after an approval."""
    version = line.made(1, 40)
    assert line.runs(STAGING, version) == "SUCCEEDED"
    assert staging.latest(line.store, version).passed
    assert line.champion() is None, "the first version waits for an approval"
    assert line.runs(PRODUCTION, version) == "FAILED"
    assert line.champion() is None
    said = line.posterity("approve", version.label, "--reason", "report and rows are in order")
    assert f"{PRODUCTION} runs for {version.label}" in said
    until(lambda: line.is_complete(1))
    return version


@pytest.fixture
def reader(line: Line, first: Version) -> Iterator[Reader]:
    """Somebody who reads production all the time; nothing that was asked may have failed."""
    with line.cluster.lab.forward("posterity-server", 80, "posterity") as address:
        reader = Reader(f"http://{address}", line.model)
        with reader.reading():
            until(lambda: reader.seen)
            yield reader
    assert reader.failures == []
    assert reader.answers > 50


def test_a_version_is_approved_by_name_and_put_into_production_by_a_pipeline(line: Line, first: Version) -> None:
    move = aliases.pointed(line.store, line.model, "champion")
    assert move is not None
    assert (move.number, move.how, move.why) == (1, "approval", "report and rows are in order")
    approved, done = (audit.last(line.store, line.model, kind) for kind in ("approve", "promoted"))
    assert approved
    assert done
    assert approved.who != done.who == "system:serviceaccount:kubeflow:posterity-deployer"


def test_a_refresh_goes_through_without_a_hand_and_both_ways_back_take_seconds(line: Line, reader: Reader) -> None:
    second = line.made(2, 70, as_of="2013-04-30")
    assert line.runs(STAGING, second) == "SUCCEEDED"
    assert line.is_complete(2)
    until(lambda: reader.seen[-1] == 2)
    line.posterity("rollback", "product", line.model, "--reason", "wrong in Newark")
    assert line.champion() == 1, "the pointer is moved by the command itself"
    until(lambda: reader.seen[-1] == 1, 60)
    until(lambda: line.is_complete(1))
    line.posterity("rollback", "model", f"{line.model}/1", "--reason", "the new prior is wrong")
    assert pins.current(line.store, line.model).number == 1
    line.posterity("rollback", "release", line.model, "--reason", "the prior is mended")
    assert pins.current(line.store, line.model) is None


def test_a_table_that_lost_a_row_never_leaves_staging(line: Line, reader: Reader) -> None:
    broken = line.made(3, 55, as_of="2013-04-30")
    key = broken.references["product"].key.replace("product.json", "predictions.parquet")
    table = pd.read_parquet(io.BytesIO(line.store.get(key)))
    line.store.overwrite(key, table.drop(index=2).to_parquet(index=False))
    assert line.runs(STAGING, broken) == "FAILED"
    assert not staging.latest(line.store, broken).passed
    assert aliases.current(line.store, line.model, "staging") == 1
    assert line.runs(PRODUCTION, broken) == "FAILED"
    assert line.champion() == 1


def test_an_image_that_does_not_become_ready_fails_in_staging_and_goes_back(line: Line, reader: Reader) -> None:
    version, before = line.made(4, 50, as_of="2013-04-30"), line.image("posterity-staging")
    assert line.runs(STAGING, version, server_image=line.cluster.images["registry"]) == "FAILED"
    trial = staging.latest(line.store, version)
    assert "does not come up" in trial.summary
    assert line.image("posterity-staging") == before


def test_an_image_that_fails_only_in_production_is_taken_back_with_nobody_noticing(line: Line, reader: Reader) -> None:
    version, before = line.made(5, 60, as_of="2013-04-30"), line.image()
    passed = (Check("rollout", True, "the servers run"),)
    staging.record(line.store, version, "by hand", line.cluster.images["registry"], passed)
    assert line.runs(PRODUCTION, version) == "FAILED"
    assert line.image() == before
    assert line.champion() == 1


def test_another_image_goes_through_staging_and_an_approval_while_servers_are_killed(
    line: Line, reader: Reader
) -> None:
    image = f"{line.cluster.images['server']}-again"
    line.cluster.lab("docker", "tag", line.cluster.images["server"], image)
    line.cluster.lab("load", image)
    version = line.made(6, 65, as_of="2013-05-31")
    assert line.runs(STAGING, version, server_image=image) == "SUCCEEDED"
    assert line.image("posterity-staging") == image
    assert line.champion() == 1, "another server image is no mere refresh"
    line.posterity("approve", version.label, "--reason", "the new server is in order")
    until(lambda: line.is_complete(6))
    assert line.image() == image
    until(lambda: reader.seen[-1] == 6)
    for pod in servers(line.cluster.lab):
        line.cluster.lab.kubectl("-n", "posterity", "delete", "pod", pod, "--wait=false")
        until(lambda gone=pod: gone not in servers(line.cluster.lab) and len(servers(line.cluster.lab)) == 2)


def servers(lab: Lab) -> set[str]:
    """The production servers that are ready and not ending."""
    label = "app.kubernetes.io/name=posterity-server"
    pods = json.loads(lab.kubectl("-n", "posterity", "get", "pods", "-l", label, "-o", "json"))["items"]
    ready = (pod for pod in pods if all(item["ready"] for item in pod["status"].get("containerStatuses", [{}])))
    return {pod["metadata"]["name"] for pod in ready if "deletionTimestamp" not in pod["metadata"]}


def test_a_reviewed_pin_in_git_is_an_approval(line: Line, first: Version) -> None:
    changed = line.made(7, 45, code="another prior", as_of="2013-06-30")
    assert line.runs(STAGING, changed) == "SUCCEEDED"
    assert line.champion() != 7
    folder = ROOT / "manifests/pins"
    text = line.cluster.lab.kubectl("kustomize", str(folder))
    text = text.replace('flights: ""', f'{line.model}: "7"').replace(
        "posterity/stage:dev", line.cluster.images["stage"]
    )
    line.cluster.lab.kubectl("replace", "--force", "-f", "-", given=text)
    try:
        until(lambda: line.is_complete(7))
    finally:
        line.cluster.lab.kubectl("delete", "-f", "-", "--ignore-not-found", given=text)
    move = aliases.pointed(line.store, line.model, "champion")
    assert "pinned" in move.why


def test_a_registered_candidate_starts_its_staging_by_itself(line: Line, cluster: Cluster, sales: str) -> None:
    def release(value: str) -> None:
        change = json.dumps({"data": {"POSTERITY_RELEASE": value}})
        cluster.kubectl("patch", "configmap", "posterity-settings", "--type=merge", "-p", change)

    name, seed = new("coffee"), secrets.randbelow(10**6)
    careful = {"target_accept": 0.95}  # so that no draw diverges, whatever the seed
    release("auto")
    try:
        log = cluster.run(name, "coffee", "2026-08-31", source=sales, seed=seed, sampler=careful)
    finally:
        release("off")
    assert not log.stage("notify").values["alerts"]
    version = versions.get(cluster.store, log.stage("register").values["version"])
    until(lambda: staging.latest(cluster.store, version))
    assert staging.latest(cluster.store, version).passed
