"""Runs as people start them on a cluster, and what they find there afterwards, the pods being gone."""

import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from pipelines.compile import COMPILED
from pipelines.experiment import NAME
from posterity.registry import versions
from posterity.runs import ORDER, list_runs

from .cluster import NAMESPACE, Cluster, new, until
from .lab import ROOT, Lab

pytestmark = pytest.mark.cluster

DAY = "2013-02-28"
INSIDE = {
    "POSTERITY_STORE": "s3://posterity",
    "POSTERITY_API_ENDPOINT": "http://ml-pipeline.kubeflow:8888",
    "POSTERITY_REGISTRY": "http://posterity-registry.kubeflow:5000",
    "AWS_ENDPOINT_URL_S3": "http://minio-service.kubeflow:9000",
}
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def person(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Somebody in the cluster's network with a kubeconfig, who calls programs of this checkout."""
    folder = tmp_path_factory.mktemp("person")

    def call(program: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [cluster.lab.command, "exec", "--", Path(sys.executable).with_name(program), *arguments]
        environment = {**os.environ, **INSIDE, "PYTHONWARNINGS": "ignore", **more}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return call


def images(cluster: Cluster) -> tuple[str, ...]:
    return ("--image", cluster.images["stage"], "--sample-image", cluster.images["sample"])


@pytest.fixture(scope="module")
def submitted(cluster: Cluster, person: Command) -> tuple[str, str]:
    """A run that was submitted by the command and shown until its end; its name, and what was shown."""
    name = new("delays")
    limits = ("--settings", "parallelism=1", "--settings", "sample.retries=2")
    arguments = ("delays", "--as-of", DAY, "--chains", "4", "--shards", "2", "--name", name, "--cause", "nightly")
    done = person("posterity", "submit", *arguments, *images(cluster), *limits)
    assert done.returncode == 0, done.stdout + done.stderr
    return name, done.stdout


def test_a_submitted_run_is_shown_like_a_local_one(submitted: tuple[str, str]) -> None:
    name, shown = submitted
    assert re.search(rf"^run +{name}$", shown, re.MULTILINE)
    stages = re.findall(r"^[✓↺] (\w+)", shown, re.MULTILINE)
    assert set(stages) == set(ORDER)
    assert "gate     pass" in shown
    assert "version  delays/" in shown


def test_run_version_and_registry_name_each_other(
    cluster: Cluster, person: Command, submitted: tuple[str, str]
) -> None:
    log = cluster.log(submitted[0])
    facts, registered = log.facts(), log.stage("register").values
    assert (facts["cause"], facts["parameters"]["shards"]) == ("nightly", "2")
    assert str(cluster.kfp.get_run(facts["job"]).display_name) == log.run
    version = versions.get(cluster.store, registered["version"])
    if version.run == log.run:  # else the same product was registered by an earlier run of these tests
        assert version.tags["pipeline_job"] == facts["job"]
    assert re.search(r"/#/experiments/\d+/runs/[0-9a-f]{32}$", registered["page"])
    rows = json.loads(person("posterity", "runs", "--json").stdout)
    row = next(row for row in rows if row["run"] == log.run)
    assert (row["state"], row["pipeline run"], row["version"]) == ("done", facts["job"], registered["version"])


def test_logs_outlive_the_pods(cluster: Cluster, person: Command, submitted: tuple[str, str]) -> None:
    log = cluster.log(submitted[0])
    before = person("posterity", "logs", log.run, "ingest")
    assert "from the pod" in before.stdout
    cluster.kubectl("delete", "pods", "-l", f"pipeline/runid={log.facts()['job']}", "--now")
    found = json.loads(person("posterity", "logs", log.run, "sample", "--json").stdout)
    assert {item["stage"] for item in found} == {record.name for record in log.stages() if record.stage == "sample"}
    assert {item["place"] for item in found} == {"the API of Kubeflow Pipelines"}
    assert all("KFP Executor" in item["text"] for item in found)


def test_a_stage_is_repeated_here_on_what_it_was_given_there(person: Command, submitted: tuple[str, str]) -> None:
    done = person("posterity", "stage", submitted[0], "predict", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert "product" in {row["output"] for row in rows}
    assert all(row["recorded"] == row["now"] for row in rows)


def test_what_is_the_newest_version_already_is_not_uploaded_again(cluster: Cluster, submitted: tuple[str, str]) -> None:
    assert submitted
    pipeline = cluster.kfp.get_pipeline_id(NAME)
    found = cluster.kfp.list_pipeline_versions(pipeline, page_size=100, sort_by="created_at").pipeline_versions
    names = [item.display_name for item in found]
    assert names
    assert len(names) == len(set(names))
    forms = [re.fullmatch(rf"{NAME}-([0-9a-f]{{12}})(-\d+)?", name) for name in names]
    digests = [form[1] for form in forms if form]
    assert len(digests) == len(names)
    assert all(digest != next_one for digest, next_one in itertools.pairwise(digests))


@pytest.fixture(scope="module")
def as_committed(cluster: Cluster) -> None:
    """The image under the tag that the committed pipeline asks for."""
    cluster.lab("docker", "tag", cluster.images["stage"], "posterity/stage:dev")
    cluster.lab("load", "posterity/stage:dev")


@pytest.mark.usefixtures("as_committed")
def test_kfp_itself_starts_the_committed_pipeline(cluster: Cluster, person: Command, sales: str) -> None:
    parameters = ("model=coffee", f"source={sales}", "as_of=2026-08-31", "shards=2", 'sampler={"draws": 500}')
    options = ("--experiment-name", "by kfp", "--run-name", "by kfp", "-f", str(COMPILED))
    endpoint = ("--endpoint", INSIDE["POSTERITY_API_ENDPOINT"], "--output", "json")
    done = person("kfp", *endpoint, "run", "create", *options, *parameters)
    assert done.returncode == 0, done.stderr
    job = re.findall(r'"run_id": "([0-9a-f-]{36})"', done.stdout)[0]
    assert cluster.finish(job) == "SUCCEEDED", cluster.log(job).failure
    log = cluster.log(job)
    assert log.facts()["job"] == job, "a run without a name is called by its identifier"
    assert log.facts()["cause"] == "from outside"
    assert log.parameters()["source"] == sales
    assert log.state() == "done"


@pytest.fixture
def recurring(cluster: Cluster, sales: str) -> Iterator[str]:
    """A run of every few seconds of the committed pipeline, until a test is over; gives its identifier."""
    experiment = cluster.kfp.create_experiment("recurring").experiment_id
    parameters = {"model": "coffee", "source": sales, "as_of": "[[ScheduledTime]]", "cause": "cron"}
    options = {"interval_second": 2, "max_concurrency": 1, "no_catchup": True, "enable_caching": None}
    made = cluster.kfp.create_recurring_run(
        experiment, new("recurring"), params=parameters, pipeline_package_path=str(COMPILED), **options
    )
    yield str(made.recurring_run_id)
    cluster.kfp.disable_recurring_run(made.recurring_run_id)
    for run in cluster.kfp.list_runs(experiment_id=experiment).runs or []:
        if run.state in {"PENDING", "RUNNING"}:
            cluster.kfp.terminate_run(run.run_id)


@pytest.mark.usefixtures("as_committed")
def test_a_recurring_run_has_the_day_on_which_it_is_due(cluster: Cluster, recurring: str) -> None:
    runs = until(
        lambda: [
            run
            for run in cluster.kfp.list_runs(page_size=50, sort_by="created_at desc").runs
            if run.recurring_run_id == recurring
        ]
    )
    log = cluster.log(str(runs[-1].run_id))
    until(lambda: {"preprocess", "notify"} & {record.stage for record in log.stages()})
    assert log.facts()["cause"] == "cron"
    assert log.parameters()["as_of"] == time.strftime("%Y-%m-%d", time.gmtime(log.facts()["created"]))
    assert log.failure is None


def test_an_image_that_no_node_gets_stops_the_run_with_one_error(cluster: Cluster, person: Command) -> None:
    name = new("nope")
    image = "registry.invalid/posterity/stage:nope"
    done = person("posterity", "submit", "delays", "--as-of", DAY, "--name", name, "--image", image)
    assert done.returncode == 3, done.stdout + done.stderr
    (error,) = [line for line in done.stderr.splitlines() if "Error" in line]
    assert error.startswith(f"RefusedError: stage ingest: its node cannot get image {image}")
    assert "make images load" in error
    job = cluster.log(name).facts()["job"]
    assert until(lambda: cluster.kfp.get_run(job).state in {"CANCELED", "FAILED"})


WRONG = [
    (("delays", "--as-of", DAY, "--shards", "0"), "shards=0 cannot share 4 chains"),
    (("delays", "--as-of", "28.2.2013"), "'28.2.2013' is not a day"),
    (("nobody", "--as-of", DAY), "no model named 'nobody' is in image"),
    (("delays", "--as-of", DAY, "--settings", "store_secret=nope"), "Secret nope is not in namespace kubeflow"),
]


@pytest.mark.usefixtures("submitted")
@pytest.mark.parametrize(("arguments", "text"), WRONG, ids=[text for _, text in WRONG])
def test_what_cannot_be_is_refused_before_it_is_uploaded(
    cluster: Cluster, person: Command, arguments: tuple[str, ...], text: str
) -> None:
    before = cluster.kfp.list_runs(page_size=1, sort_by="created_at desc").runs[0].run_id
    done = person("posterity", "submit", *arguments, *images(cluster))
    assert done.returncode == 3, done.stdout + done.stderr
    assert text in done.stderr
    assert cluster.kfp.list_runs(page_size=1, sort_by="created_at desc").runs[0].run_id == before


def test_a_job_submits_a_run_once(cluster: Cluster, deployed: Lab, tmp_path: Path) -> None:
    rendered = deployed.kubectl("kustomize", str(ROOT / "manifests/submit"))
    objects = list(yaml.safe_load_all(rendered))
    job = next(item for item in objects if item["kind"] == "Job")
    settings = next(item for item in objects if item["kind"] == "ConfigMap")
    settings["data"] |= {"MODEL": "delays", "AS_OF": DAY, "CAUSE": new("GitOps")}
    job["spec"]["template"]["spec"]["containers"][0]["image"] = cluster.images["stage"]
    cluster.kubectl("delete", "job", job["metadata"]["name"], "--ignore-not-found")
    cluster.kubectl("apply", "-f", "-", given=yaml.safe_dump_all(objects))
    try:
        cluster.kubectl("wait", "--for=condition=complete", "--timeout=300s", f"job/{job['metadata']['name']}")
        found = [facts for facts in list_runs(cluster.store, 20) if facts["cause"] == settings["data"]["CAUSE"]]
        assert [facts["parameters"]["model"] for facts in found] == ["delays"]
        cluster.kfp.terminate_run(found[0]["job"])
    finally:
        cluster.kubectl("delete", "job", job["metadata"]["name"], "--now")
    assert job["metadata"]["namespace"] == NAMESPACE


def test_a_machine_is_connected_to_the_cluster_while_a_command_runs(
    cluster: Cluster, person: Command, submitted: tuple[str, str]
) -> None:
    """The store and the registry through forwarded ports, with the credentials that are in the cluster."""
    program = str(Path(sys.executable).with_name("posterity"))
    unset = dict.fromkeys(("POSTERITY_STORE", "POSTERITY_REGISTRY", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID"), "")
    rows = person("python", "-m", "pipelines.cluster.connect", program, "runs", "--json", **unset)
    assert rows.returncode == 0, rows.stderr
    assert submitted[0] in {row["run"] for row in json.loads(rows.stdout)}
