"""Logs of pods: from the pods while they are there, then from the API, then from the bucket of the backend."""

import dataclasses

import pytest

from pipelines.kubeflow.logs import PodLog, read_logs
from posterity.errors import NotFoundError, SettingsError
from posterity.runs import RunLog, StageRecord
from posterity.store import open_store
from tests.pipelines.kubeflow.conftest import Place
from tests.pipelines.kubeflow.pods import pod

ONE, TWO = (
    "posterity-experiment-abcde-system-container-impl-1",
    "posterity-experiment-abcde-retry-system-container-impl-2",
)


@pytest.fixture
def log(place: Place) -> RunLog:
    """A run of which ingest was tried twice and two shards were sampled."""
    made = RunLog(place.store, "r1")
    made.begin({}, "by hand", "job-1", "")
    made.write(StageRecord("ingest", "ran", pods=(ONE, TWO)))
    made.write(StageRecord("sample", "ran", part="0", pods=("s0",)))
    made.write(StageRecord("sample", "ran", part="1", pods=("s1",)))
    return made


def test_every_attempt_is_read_from_its_pod(place: Place, log: RunLog) -> None:
    place.kubernetes.logs = {ONE: b"killed\n", TWO: b"done\n"}
    found = list(read_logs(log, "ingest", place.settings))
    assert found == [PodLog("ingest", ONE, "killed\n", "the pod"), PodLog("ingest", TWO, "done\n", "the pod")]


def test_what_is_gone_with_the_pod_comes_from_the_api(place: Place, log: RunLog) -> None:
    place.kubernetes.logs = {TWO: b"done\n"}
    place.backend.logs = {ONE: b"killed\n"}
    found = list(read_logs(log, "ingest", place.settings))
    assert [(item.pod, item.place) for item in found] == [(ONE, "the API of Kubeflow Pipelines"), (TWO, "the pod")]


def test_what_the_api_has_lost_is_in_the_bucket(place: Place, log: RunLog) -> None:
    bucket = place.settings.store + "-kept"
    kept = open_store(bucket)
    kept.put(f"private-artifacts/kubeflow/posterity-experiment-abcde/2026/02/28/{ONE}/main.log", b"by argo\n")
    kept.put("v2/artifacts/posterity-experiment/job-1/sample/x/executor-logs-0", b"by the launcher\n")
    settings = dataclasses.replace(place.settings, logs=bucket)
    found = {item.stage: item for item in read_logs(log, "", settings)}
    assert found["ingest"].text == "by argo\n"
    assert found["ingest"].place == "Argo's logs in the store"
    assert found["sample.0"].text == "by the launcher\n"


@pytest.mark.parametrize(("stage", "pods"), [("sample", ["s0", "s1"]), ("sample.1", ["s1"]), ("ingest", [ONE, TWO])])
def test_a_stage_or_one_of_its_shards(place: Place, log: RunLog, stage: str, pods: list[str]) -> None:
    place.backend.logs = dict.fromkeys(("s0", "s1", ONE, TWO), b"x")
    assert [item.pod for item in read_logs(log, stage, place.settings)] == pods


def test_a_stage_that_left_no_record_is_found_by_its_pods(place: Place, log: RunLog) -> None:
    """One that was killed before its first line of ours."""
    place.kubernetes.pods = [pod("p9", stage="plan"), pod("p8", stage="plan", job="job-2")]
    place.kubernetes.logs = {"p9": b"Killed\n", "p8": b"of another run\n"}
    assert [item.text for item in read_logs(log, "plan", place.settings)] == ["Killed\n"]


def test_nothing_left_is_said_with_what_would_have_helped(place: Place, log: RunLog) -> None:
    with pytest.raises(
        NotFoundError, match=r"no log of predict of run r1 is left; .*ingest, sample.0, .*POSTERITY_LOGS"
    ):
        list(read_logs(log, "predict", place.settings))


def test_a_run_of_this_machine_says_where_its_output_is(place: Place) -> None:
    local = RunLog(place.store, "local")
    local.begin({}, "by hand")
    with pytest.raises(NotFoundError, match=r"\.posterity/local/local"):
        list(read_logs(local, "", place.settings))


def test_without_a_cluster_there_is_nobody_to_ask(place: Place, log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "/nowhere")
    with pytest.raises(SettingsError, match="no cluster to ask for logs"):
        list(read_logs(log, "", dataclasses.replace(place.settings, api_endpoint="")))
