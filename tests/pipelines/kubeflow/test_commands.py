"""The commands of a cluster as a user types them."""

import socket
from functools import partial

import pytest

from posterity.errors import UnavailableError
from posterity.registry import identity
from posterity.runs import RunLog, StageError, StageRecord
from tests.pipelines.command import Command, call
from tests.pipelines.kubeflow.backend import CREATED
from tests.pipelines.kubeflow.conftest import Place
from tests.pipelines.kubeflow.pods import pod, waiting


@pytest.fixture
def posterity(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return partial(call, monkeypatch, capsys)


def test_a_submitted_run_is_shown_until_it_ends(place: Place, posterity: Command) -> None:
    place.backend.begins_as = "SUCCEEDED"
    said = posterity("submit", "delays", "--as-of", "2013-03-31", "--name", "r1", "--shards", "2", "--set", "draws=500")
    assert said.code == 0, said.err
    assert "pipeline run job-1" in said.out
    assert "http://dashboard/#/runs/details/job-1" in said.out
    assert place.backend.runs["job-1"]["runtime_config"]["parameters"]["sampler"] == {"draws": 500}


def test_without_waiting_it_says_how_to_follow(place: Place, posterity: Command) -> None:
    said = posterity("submit", "delays", "--as-of", "2013-03-31", "--name", "r1", "--no-wait")
    assert "follow it with posterity follow r1" in said.out
    facts = posterity("submit", "delays", "--as-of", "2013-03-31", "--name", "r2", "--no-wait", "--json").json
    assert facts == {"run": "r2", "job": "job-2", "link": "http://dashboard/#/runs/details/job-2"}


def test_a_run_that_fails_ends_the_command_with_the_code_of_its_error(place: Place, posterity: Command) -> None:
    posterity("submit", "delays", "--as-of", "2013-03-31", "--name", "r1", "--no-wait")
    place.backend.runs["job-1"]["state"] = "FAILED"
    error = StageError("GateError", "R-hat is 1.4", 4, "")
    RunLog(place.store, "r1").write(StageRecord("diagnose", "failed", error=error))
    said = posterity("follow", "r1")
    assert said.code == 4
    assert "GateError: stage diagnose: R-hat is 1.4" in said.err
    assert posterity("follow", "job-1", "--json").json["pipeline_state"] == "FAILED", "also by its other name"


def test_runs_tells_states_that_the_store_cannot_know(place: Place, posterity: Command) -> None:
    for name in ("r1", "r2", "r3"):
        posterity("submit", "delays", "--as-of", "2013-03-31", "--name", name, "--no-wait")
    place.backend.runs["job-1"]["state"] = "FAILED"
    place.backend.runs["job-2"]["state"] = "RUNNING"
    error = StageError("SourceError", "away", 3, "")
    RunLog(place.store, "r2").write(StageRecord("ingest", "failed", error=error))
    outside = {"pipeline_spec": {"pipelineInfo": {"name": "posterity-experiment"}}, "created_at": CREATED}
    other = {"pipeline_spec": {"pipelineInfo": {"name": "of-others"}}, "created_at": CREATED}
    place.backend.runs["job-8"] = {"run_id": "job-8", "display_name": "form", "state": "RUNNING", **outside}
    place.backend.runs["job-9"] = {"run_id": "job-9", "display_name": "other", "state": "RUNNING", **other}
    rows = {row["run"]: row for row in posterity("runs", "--json").json}
    assert {name: row["state"] for name, row in rows.items()} == {
        "r1": "failed",
        "r2": "running",
        "r3": "pending",
        "form": "running",
    }
    assert rows["r2"]["pipeline run"] == "job-2"
    assert rows["form"]["pipeline run"] == "job-8"


def test_runs_does_without_an_api_that_is_away(place: Place, posterity: Command) -> None:
    posterity("submit", "delays", "--as-of", "2013-03-31", "--name", "r1", "--no-wait")
    place.backend.refuse = (503, {"message": "starting"})
    said = posterity("runs")
    assert said.code == 0
    assert "r1" in said.out
    assert "states are those of the store alone" in said.err


def test_a_run_says_what_ails_its_pods(place: Place, posterity: Command) -> None:
    posterity("submit", "delays", "--as-of", "2013-03-31", "--name", "r1", "--no-wait")
    place.kubernetes.pods = [pod(**waiting("ErrImageNeverPull", "not present"))]
    said = posterity("runs", "r1")
    assert "pipeline run job-1 http://dashboard/#/runs/details/job-1" in said.out
    assert "stage ingest: its node cannot get image" in said.out


def test_logs_are_printed_under_the_names_of_their_pods(place: Place, posterity: Command) -> None:
    posterity("submit", "delays", "--as-of", "2013-03-31", "--name", "r1", "--no-wait")
    RunLog(place.store, "r1").write(StageRecord("ingest", "ran", pods=("p1",)))
    place.backend.logs["p1"] = b"read 3 rows"
    said = posterity("logs", "r1", "ingest")
    assert said.out.splitlines() == ["ingest  p1, from the API of Kubeflow Pipelines", "read 3 rows"]
    assert posterity("logs", "r1", "--json").json[0]["text"] == "read 3 rows"
    assert posterity("logs", "r1", "plan").code == 3


def test_who_acts_is_the_user_of_the_cluster(place: Place, posterity: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "sources", list(identity.sources))
    posterity("runs")
    assert identity.who() == "alice"
    place.kubernetes.denied = ("selfsubjectreviews",)
    with pytest.raises(UnavailableError, match="does not say who you are"):
        identity.who()
    monkeypatch.delenv("POSTERITY_API_ENDPOINT")
    assert identity.who().endswith(f"@{socket.gethostname()}")


def test_doctor_looks_at_the_cluster_that_the_settings_name(place: Place, posterity: Command) -> None:
    rows = {row["check"]: row for row in posterity("doctor", "--json").json}
    assert "namespace kubeflow, as alice" in rows["cluster"]["what"]
    assert rows["pipelines API"]["state"] == "in order"
    assert "no workflow controller" in rows["retries"]["what"]
    assert rows["settings of stages"]["state"] == "in order"


WRONG = [
    (("submit", "delays", "--as-of", "never"), "'never' is not a day"),
    (("submit", "delays", "--set", "draws"), "'draws' is not a setting of the sampler; write it like draws=2000"),
    (("submit", "delays", "--settings", "sample.memory=1Gi"), "there is no sample.memory"),
    (("follow", "none"), "no run 'none'"),
    (("logs", "none"), "no run 'none'"),
]


@pytest.mark.parametrize(("arguments", "text"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_bad_arguments_get_one_clear_error(posterity: Command, arguments: tuple[str, ...], text: str) -> None:
    said = posterity(*arguments)
    assert said.code == 3
    assert text in said.err
