"""Start the staging or production pipeline of a version at Kubeflow Pipelines, over its REST API.

The newest uploaded version of the pipeline runs (`posterity submit` uploads it), as the account that may roll out
servers. kfp's client, which takes seconds to import, is not needed for that.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import urllib3

from posterity.errors import NotFoundError, PosterityError, RefusedError, UnavailableError
from posterity.settings import Settings

STAGING, PRODUCTION = "posterity-staging", "posterity-production"
ACCOUNT = "posterity-deployer"
API = "/apis/v2beta1"
PATIENCE = urllib3.Timeout(connect=5, read=30)


def start(settings: Settings, pipeline: str, version: str, **parameters: Any) -> tuple[str, str]:
    """Start `pipeline` for `version`, MODEL/NUMBER; returns the identifier of the run, and its page in the dashboard.

    Raises NotFoundError when the pipeline was never uploaded, RefusedError when the API refuses, UnavailableError when
    it is away.
    """
    name = quote(pipeline, safe="")
    try:
        number = _ask(settings, "GET", f"{API}/pipelines/names/{name}")["pipeline_id"]
        newest = f"{API}/pipelines/{number}/versions?page_size=1&sort_by={quote('created_at desc')}"
        known = _ask(settings, "GET", newest).get("pipeline_versions", [])
    except NotFoundError:
        known = []
    if not known:
        raise NotFoundError(f"{settings.api_endpoint} has no pipeline {pipeline}; upload it with posterity submit")
    reference = {"pipeline_id": known[0]["pipeline_id"], "pipeline_version_id": known[0]["pipeline_version_id"]}
    run = {
        "display_name": f"{pipeline} {version}",
        "pipeline_version_reference": reference,
        "runtime_config": {"parameters": {"version": version, **parameters}},
        "service_account": ACCOUNT,
    }
    job = str(_ask(settings, "POST", f"{API}/runs", run)["run_id"])
    return job, settings.run_page(job)


def _ask(settings: Settings, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    endpoint = settings.api_endpoint.rstrip("/")
    try:
        answer = urllib3.request(method, endpoint + path, json=body, timeout=PATIENCE, retries=1)
    except urllib3.exceptions.HTTPError as error:
        raise UnavailableError(f"Kubeflow Pipelines at {endpoint} cannot be reached ({error})") from error
    if answer.status >= 300:
        kind: type[PosterityError] = NotFoundError if answer.status == 404 else RefusedError
        kind = UnavailableError if answer.status >= 500 else kind
        said = error_message(answer.data.decode(errors="replace"))
        raise kind(f"Kubeflow Pipelines at {endpoint} answers {answer.status}: {said}")
    return dict(json.loads(answer.data))


def error_message(body: Any) -> str:
    """What the body of an answer of the API says that is an error."""
    try:
        facts = json.loads(body)
        text = str(facts.get("message") or facts.get("error") or body)
    except (ValueError, TypeError, AttributeError):
        text = str(body)
    return " ".join(text.split())[:500]
