"""The API of Kubeflow Pipelines, through its own client, with errors of ours."""

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3

from posterity.errors import NotFoundError, PosterityError, SettingsError, UnavailableError
from posterity.release.start import error_message
from posterity.settings import Settings

PATIENCE = urllib3.Timeout(connect=5, read=30)
OVER = {"SUCCEEDED": "done", "FAILED": "failed", "CANCELED": "stopped", "SKIPPED": "skipped"}


@dataclass(frozen=True)
class PipelineRun:
    """A run as Kubeflow Pipelines knows it; `pods` are the pods of its tasks, those of the backend itself included."""

    job: str
    name: str
    state: str
    error: str
    created: float
    pipeline: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pods: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in OVER

    @property
    def is_ours(self) -> bool:
        """Whether a pipeline of ours is run; a run of an uploaded version does not say which."""
        return self.pipeline.startswith("posterity-") or "as_of" in self.parameters

    @property
    def word(self) -> str:
        """The state as `posterity runs` says it."""
        return OVER.get(self.state, self.state.lower())


class PipelinesApi:
    """What we ask of Kubeflow Pipelines. Every method raises UnavailableError when the API is away, SettingsError when
    it refuses, NotFoundError when it has no such thing."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")

    @classmethod
    def of(cls, settings: Settings) -> "PipelinesApi":
        """The API that the settings name. Raises SettingsError where they name none."""
        if not settings.api_endpoint:
            raise SettingsError(
                "POSTERITY_API_ENDPOINT is not set, so there is no cluster to ask; set it to the API of Kubeflow "
                "Pipelines, such as http://localhost:8888 behind "
                "`kubectl port-forward --namespace kubeflow service/ml-pipeline 8888`"
            )
        return cls(settings.api_endpoint)

    def check(self) -> None:
        """Ask whether the API is there; the client itself would wait for ever."""
        try:
            answer = urllib3.request("GET", f"{self.endpoint}/apis/v2beta1/healthz", timeout=PATIENCE, retries=1)
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        if answer.status != 200:
            raise UnavailableError(
                f"{self.endpoint} answers {answer.status} where the API of Kubeflow Pipelines says how it is; "
                "check POSTERITY_API_ENDPOINT"
            )

    @cached_property
    def client(self) -> Any:
        """kfp's client, made when it is first needed: importing it takes seconds."""
        self.check()
        with warnings.catch_warnings(), self._errors():
            warnings.simplefilter("ignore")
            from kfp import Client

            return Client(host=self.endpoint)

    def upload(self, pipeline: str, version: str, text: str) -> tuple[str, str]:
        """Make `text` the newest version of a pipeline, if it is not: the identifiers of both.

        The newest version is what releases and the dashboard start. A version that others have followed is uploaded
        once more, with a number behind its name.
        """
        with self._errors(), tempfile.TemporaryDirectory() as folder:
            number = self.client.get_pipeline_id(pipeline) or self._new_pipeline(pipeline)
            found = self.client.list_pipeline_versions(number, page_size=1, sort_by="created_at desc")
            newest = (found.pipeline_versions or [None])[0]
            if newest and version in (newest.display_name, newest.display_name.rpartition("-")[0]):
                return number, str(newest.pipeline_version_id)
            name = f"{version}-{found.total_size + 1}" if self._has(number, version) else version
            package = Path(folder) / "pipeline.yaml"
            package.write_text(text)
            made = self.client.upload_pipeline_version(str(package), name, pipeline_id=number)
            return number, str(made.pipeline_version_id)

    def _has(self, pipeline: str, version: str) -> bool:
        wanted = {"operation": "EQUALS", "key": "display_name", "stringValue": version}
        text = json.dumps({"predicates": [wanted]})
        return bool(self.client.list_pipeline_versions(pipeline, filter=text).pipeline_versions)

    def _new_pipeline(self, name: str) -> str:
        """A pipeline without a version: that which comes with an uploaded one has no name of its own."""
        body = self.client.api_models.V2beta1Pipeline(name=name, display_name=name)
        return str(self.client.pipelines.pipeline_service_create_pipeline(pipeline=body).pipeline_id)

    def start(self, experiment: str, name: str, version: tuple[str, str], parameters: Mapping[str, Any]) -> str:
        """Start a run and return its identifier. The experiment is made if it is not there."""
        with self._errors():
            group = self.client.create_experiment(name=experiment).experiment_id
            made = self.client.run_pipeline(
                group, name, params=dict(parameters), pipeline_id=version[0], version_id=version[1]
            )
            return str(made.run_id)

    def run(self, job: str) -> PipelineRun:
        """A run as it is now."""
        with self._errors():
            return _run(self.client.get_run(job))

    def runs(self, last: int) -> list[PipelineRun]:
        """The newest runs, the newest first."""
        with self._errors():
            found = self.client.list_runs(page_size=last, sort_by="created_at desc").runs
            return [_run(item) for item in found or []]

    def stop(self, job: str) -> None:
        """Stop a run."""
        with self._errors():
            self.client.terminate_run(job)

    def log(self, job: str, pod: str) -> bytes:
        """What a pod of a run has printed, where the API still has it."""
        url = f"{self.endpoint}/apis/v1beta1/runs/{job}/nodes/{pod}/log"
        try:
            answer = urllib3.request("GET", url, timeout=PATIENCE, retries=1)
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        if answer.status != 200:
            raise NotFoundError(f"{self.endpoint} has no log of pod {pod} ({answer.status})")
        return answer.data

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors of the client as ours; what it prints is not for people."""
        from kfp_server_api import ApiException

        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except ApiException as error:
            raise self._refusal(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error

    def _refusal(self, error: Any) -> PosterityError:
        status = int(error.status or 0)
        kind = NotFoundError if status == 404 else SettingsError if 400 <= status < 500 else UnavailableError
        return kind(f"Kubeflow Pipelines at {self.endpoint} answers {status}: {error_message(error.body)}")

    def _away(self, error: Exception) -> UnavailableError:
        reason = getattr(error, "reason", None) or error
        return UnavailableError(
            f"Kubeflow Pipelines at {self.endpoint} cannot be reached ({reason}); check POSTERITY_API_ENDPOINT and "
            "that ml-pipeline runs: `posterity doctor`"
        )


def _run(item: Any) -> PipelineRun:
    details = item.run_details.task_details if item.run_details else None
    pods = [name for task in details or [] for name in _pods(task)]
    spec = item.pipeline_spec if isinstance(item.pipeline_spec, Mapping) else {}
    spec = spec.get("pipeline_spec", spec)
    return PipelineRun(
        job=str(item.run_id),
        name=str(item.display_name),
        state=str(item.state),
        error=str(item.error.message) if item.error else "",
        created=item.created_at.timestamp(),
        pipeline=str(spec.get("pipelineInfo", {}).get("name", "")),
        parameters=dict((item.runtime_config.parameters if item.runtime_config else None) or {}),
        pods=tuple(dict.fromkeys(pods)),
    )


def _pods(task: Any) -> Iterator[str]:
    """The pods of a task, its attempts included."""
    yield from filter(None, [task.pod_name, *(child.pod_name for child in task.child_tasks or [])])
