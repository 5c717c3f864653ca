"""Following a run: how it ends is told from the store, the API and the pods together."""

from dataclasses import dataclass

import pytest

from pipelines.kubeflow.api import PipelinesApi
from pipelines.kubeflow.cluster import Cluster
from pipelines.kubeflow.watch import GRACE, PAUSE, ClusterRun
from posterity.errors import DataTestError, PosterityError, RefusedError
from posterity.runs import RunLog, StageError, StageRecord
from tests.pipelines.kubeflow.backend import CREATED
from tests.pipelines.kubeflow.conftest import Place
from tests.pipelines.kubeflow.pods import ended, pod, waiting


@dataclass
class Watched(ClusterRun):
    """A run that goes on; between two looks so much time goes by that the APIs are asked again."""

    now: float = 0.0

    def ended(self) -> bool:
        self.now += PAUSE
        return super().ended()


@pytest.fixture
def run(place: Place) -> Watched:
    set_state(place, "RUNNING")
    api = PipelinesApi.of(place.settings)
    made = Watched(RunLog(place.store, "r1"), "job-1", api, Cluster.of(place.settings))
    made.clock = lambda: made.now
    return made


def set_state(place: Place, state: str) -> None:
    place.backend.runs["job-1"] = {"run_id": "job-1", "display_name": "r1", "state": state, "created_at": CREATED}


def test_a_run_that_succeeds(place: Place, run: Watched) -> None:
    assert not run.ended()
    set_state(place, "SUCCEEDED")
    assert run.ended()
    assert run.failure() is None


def test_the_error_is_that_of_the_stage(place: Place, run: Watched) -> None:
    error = StageError("DataTestError", "3 rows are negative", 3, "")
    run.log.write(StageRecord("check_data", "failed", error=error))
    assert not run.ended(), "the stage may be tried again"
    set_state(place, "FAILED")
    assert run.ended()
    failure = run.failure()
    assert isinstance(failure, DataTestError)
    assert str(failure) == "stage check_data: 3 rows are negative"


def test_an_image_that_no_node_gets_stops_the_run_with_one_error(place: Place, run: Watched) -> None:
    place.kubernetes.pods = [pod(**waiting("ImagePullBackOff", "not found"))]
    looks = 1
    while not run.ended():
        looks += 1
        assert "cannot get image posterity/stage:nope" in run.note, "it is said at once, and acted on later"
        assert looks < 100
    assert (looks - 1) * PAUSE >= GRACE
    assert place.backend.stopped == ["job-1"]
    failure = run.failure()
    assert isinstance(failure, RefusedError)
    assert "stage ingest: its node cannot get image posterity/stage:nope" in str(failure)


def test_a_pod_that_gets_over_it_is_left_alone(place: Place, run: Watched) -> None:
    place.kubernetes.pods = [pod(**waiting("ImagePullBackOff", "registry is away"))]
    assert not run.ended()
    place.kubernetes.pods = [pod(phase="Running")]
    assert not run.ended()
    assert run.note == ""
    place.kubernetes.pods = [pod(**waiting("ImagePullBackOff", "registry is away"))]
    assert not run.ended()
    assert place.backend.stopped == []


def test_pods_of_other_runs_do_not_count(place: Place, run: Watched) -> None:
    place.kubernetes.pods = [pod(job="job-2", **waiting("ErrImageNeverPull", "not present"))]
    assert not run.ended()
    assert run.note == ""


def test_a_run_that_failed_without_a_word_of_a_stage_says_what_the_pods_say(place: Place, run: Watched) -> None:
    place.kubernetes.pods = [pod(stage="sample", **ended("OOMKilled", 137))]
    set_state(place, "FAILED")
    assert run.ended()
    failure = run.failure()
    assert type(failure) is PosterityError
    assert "has failed and no stage left an error: stage sample: pod" in str(failure)
    assert "--settings sample.memory_limit" in str(failure)


def test_an_api_that_is_away_for_a_while_ends_nothing(place: Place, run: Watched) -> None:
    assert not run.ended()
    place.backend.refuse = (503, {"message": "starting"})
    assert not run.ended()
    assert "answers 503" in run.note
    place.backend.refuse = None
    set_state(place, "SUCCEEDED")
    assert run.ended()
    assert run.failure() is None


def test_the_apis_are_not_asked_at_every_look(place: Place, run: Watched) -> None:
    run.clock = lambda: 0.0
    assert not run.ended()
    set_state(place, "SUCCEEDED")
    assert not run.ended()
