"""Staging and production pipelines, as commands and the exit handler start them."""

import dataclasses

import pytest

from pipelines import compile as compiling
from pipelines.kubeflow.api import PipelinesApi
from posterity.errors import NotFoundError, RefusedError, UnavailableError
from posterity.release.start import PRODUCTION, STAGING, start

from .conftest import Place


@pytest.fixture
def uploaded(place: Place) -> Place:
    """A backend that has two versions of the staging pipeline."""
    api = PipelinesApi.of(place.settings)
    for name, (version, text) in compiling.versions().items():
        api.upload(name, version, text)
    api.upload(STAGING, "newer", compiling.versions()[STAGING][1])
    return place


def test_the_newest_version_runs_as_the_account_that_may_roll_out(uploaded: Place) -> None:
    job, link = start(uploaded.settings, STAGING, "shop/3", server_image="posterity/server:1a2b3c")
    run = uploaded.backend.runs[job]
    newest = uploaded.backend.versions["newer"]
    assert run["pipeline_version_reference"]["pipeline_version_id"] == newest["pipeline_version_id"]
    assert run["service_account"] == "posterity-deployer"
    assert run["runtime_config"]["parameters"] == {"version": "shop/3", "server_image": "posterity/server:1a2b3c"}
    assert link == f"http://dashboard/#/runs/details/{job}"


def test_what_cannot_be_started_is_said(place: Place, uploaded: Place) -> None:
    uploaded.backend.pipelines.pop(PRODUCTION)
    with pytest.raises(NotFoundError, match="no pipeline posterity-production; upload it with posterity submit"):
        start(uploaded.settings, PRODUCTION, "shop/3")
    uploaded.backend.refuse = (403, {"message": "not you"})
    with pytest.raises(RefusedError, match="answers 403: not you"):
        start(uploaded.settings, STAGING, "shop/3")
    uploaded.backend.refuse = (503, b"busy")
    with pytest.raises(UnavailableError, match="answers 503: busy"):
        start(uploaded.settings, STAGING, "shop/3")
    nowhere = dataclasses.replace(uploaded.settings, api_endpoint="http://127.0.0.1:1")
    with pytest.raises(UnavailableError, match="cannot be reached"):
        start(nowhere, STAGING, "shop/3")
    assert not uploaded.backend.runs
