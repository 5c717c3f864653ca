"""Submitting: everything is refused before anything is uploaded, and the same pipeline is uploaded once."""

import dataclasses
from typing import Any

import pytest

from pipelines.compile_settings import read_settings
from pipelines.kubeflow.submit import Request, submit
from posterity.errors import ModelError, NotFoundError, PosterityError, RefusedError, SettingsError, UnavailableError
from posterity.registry.images import note_models
from posterity.runs import RunLog
from tests.pipelines.kubeflow.conftest import Place

REQUEST = Request(model="delays", as_of="2013-03-31", run="r1")


def test_a_run_is_started_and_both_sides_name_the_other(place: Place) -> None:
    asked = dataclasses.replace(REQUEST, chains=6, shards="3", sampler={"draws": 500.0}, cause="cron")
    done = submit(asked, place.settings)
    run = place.backend.runs["job-1"]
    assert run["display_name"] == "r1"
    assert run["experiment_id"] == "e-posterity delays"
    assert run["pipeline_version_reference"] == {"pipeline_id": "p1", "pipeline_version_id": "v1"}
    parameters = run["runtime_config"]["parameters"]
    assert parameters == {**asked.parameters(), "run": "r1", "cause": "cron"}
    assert done.job == "job-1"
    assert done.link == "http://dashboard/#/runs/details/job-1"
    facts = RunLog(place.store, "r1").facts()
    assert (facts["job"], facts["link"], facts["cause"]) == ("job-1", done.link, "cron")
    assert facts["parameters"] == asked.parameters()


def test_the_same_pipeline_is_uploaded_once_and_another_is_another_version(place: Place) -> None:
    for name in ("r1", "r2"):
        submit(dataclasses.replace(REQUEST, run=name), place.settings)
    assert len(place.backend.versions) == 3
    settings = read_settings(["sample.memory_limit=8Gi"])
    submit(dataclasses.replace(REQUEST, run="r3", settings=settings), place.settings)
    names = [name.rpartition("-")[0] for name in place.backend.versions]
    once = ["posterity-experiment", "posterity-staging", "posterity-production"]
    assert names == [*once, "posterity-experiment"], "what has not changed is there already"
    assert place.backend.experiments == ["posterity delays"]


def test_what_was_submitted_last_is_the_newest_version_even_if_it_was_there_before(place: Place) -> None:
    wrong = read_settings([], "registry.example.org/posterity/stage:nosuch")
    for run, settings in (("r1", REQUEST.settings), ("r2", wrong), ("r3", REQUEST.settings), ("r4", REQUEST.settings)):
        submit(dataclasses.replace(REQUEST, run=run, settings=settings), place.settings)
    staging = [name for name in place.backend.versions if name.startswith("posterity-staging")]
    first, other, again = staging
    assert again == f"{first}-3"
    assert other.rpartition("-")[0] == "posterity-staging"


WRONG: list[tuple[dict[str, Any], type[PosterityError], str]] = [
    ({"as_of": "31.3.2013"}, SettingsError, "'31.3.2013' is not a day"),
    ({"shards": "0"}, SettingsError, "shards=0 cannot share 4 chains"),
    ({"shards": "5"}, SettingsError, "shards=5 cannot share 4 chains"),
    ({"shards": "two"}, SettingsError, "shards='two' is neither a number nor auto"),
    ({"chains": 0}, SettingsError, "at least one chain"),
    ({"source": "sales.csv"}, SettingsError, "sales.csv is a file of this machine"),
    ({"model": "shop.py:Shop"}, ModelError, "make images MODELS=DIR"),
]


@pytest.mark.parametrize(("change", "kind", "text"), WRONG, ids=[text for _, _, text in WRONG])
def test_what_no_stage_could_work_with_is_refused_before_the_upload(
    place: Place, change: dict[str, Any], kind: type[PosterityError], text: str
) -> None:
    with pytest.raises(kind) as raised:
        submit(dataclasses.replace(REQUEST, **change), place.settings)
    assert text in str(raised.value)
    assert not place.backend.versions
    assert not place.backend.runs


def test_what_an_image_holds_is_known_once_something_has_run_in_it(place: Place) -> None:
    unknown = dataclasses.replace(REQUEST, model="elsewhere")
    assert "nothing has run in posterity/stage:dev yet" in submit(unknown, place.settings).note
    assert submit(dataclasses.replace(REQUEST, run="r2"), place.settings).note == ""
    note_models(place.store, "registry.example.org/posterity/stage:dev")
    with pytest.raises(ModelError, match=r"no model named 'elsewhere' is in image posterity/stage:dev; .*flights"):
        submit(dataclasses.replace(unknown, run="r3"), place.settings)
    assert len(place.backend.runs) == 2


def test_a_run_is_started_once_under_its_name(place: Place) -> None:
    first = submit(REQUEST, place.settings)
    again = submit(REQUEST, place.settings)
    assert (again.job, again.note) == (first.job, "run r1 was submitted before")
    with pytest.raises(SettingsError, match="run r1 is there with other parameters"):
        submit(dataclasses.replace(REQUEST, seed=2), place.settings)
    assert len(place.backend.runs) == 1


def test_a_secret_that_is_not_there_is_named_with_what_to_do(place: Place) -> None:
    del place.kubernetes.objects["posterity-store"]
    with pytest.raises(RefusedError, match="Secret posterity-store is not in namespace kubeflow; make it with make"):
        submit(REQUEST, place.settings)
    assert not place.backend.versions


def test_a_secret_without_a_key_is_named(place: Place) -> None:
    del place.kubernetes.objects["posterity-store"]["data"]["AWS_SECRET_ACCESS_KEY"]
    with pytest.raises(RefusedError, match="Secret posterity-store in namespace kubeflow has no AWS_SECRET_ACCESS_KEY"):
        submit(REQUEST, place.settings)


def test_an_image_on_no_node_is_named(place: Place) -> None:
    asked = dataclasses.replace(REQUEST, settings=read_settings([], image="posterity/stage:nope"))
    with pytest.raises(RefusedError, match="no node has image posterity/stage:nope; build it with make images"):
        submit(asked, place.settings)
    elsewhere = read_settings([], image="registry.example.org/posterity/stage:nope")
    assert submit(dataclasses.replace(REQUEST, settings=elsewhere), place.settings).job, "its registry may have it"


def test_who_may_look_at_nothing_may_still_submit(place: Place) -> None:
    place.kubernetes.denied = ("secrets", "configmaps", "nodes")
    place.kubernetes.objects.clear()
    assert submit(REQUEST, place.settings).job == "job-1"


def test_a_folder_is_no_store_of_a_cluster(place: Place) -> None:
    with pytest.raises(SettingsError, match="folder of this machine, which no pod can read"):
        submit(REQUEST, dataclasses.replace(place.settings, store="file:///tmp/store"))


def test_without_an_api_nothing_is_submitted(place: Place) -> None:
    with pytest.raises(SettingsError, match="POSTERITY_API_ENDPOINT is not set"):
        submit(REQUEST, dataclasses.replace(place.settings, api_endpoint=""))


def test_an_api_that_is_away_or_something_else_is_named(place: Place) -> None:
    with pytest.raises(UnavailableError, match=r"http://127.0.0.1:9 cannot be reached"):
        submit(REQUEST, dataclasses.replace(place.settings, api_endpoint="http://127.0.0.1:9"))
    place.backend.refuse = (503, {"message": "starting"})
    with pytest.raises(UnavailableError, match="answers 503 where the API"):
        submit(REQUEST, place.settings)


@pytest.mark.parametrize(("status", "kind"), [(400, SettingsError), (404, NotFoundError), (500, UnavailableError)])
def test_what_the_api_says_is_passed_on(place: Place, status: int, kind: type[PosterityError]) -> None:
    from pipelines.kubeflow.api import PipelinesApi

    api = PipelinesApi.of(place.settings)
    assert api.client
    place.backend.refuse = (status, {"message": "the pipeline\n is odd", "code": 3})
    with pytest.raises(kind, match=f"answers {status}: the pipeline is odd"):
        api.run("job-1")
