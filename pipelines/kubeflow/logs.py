"""What the pods of a run have printed: from the pods, from the API, or from where the backend has kept it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.kubeflow.api import PipelinesApi
from pipelines.kubeflow.cluster import Cluster
from posterity.errors import NotFoundError, PosterityError, SettingsError
from posterity.runs import RunLog, StageRecord
from posterity.settings import Settings
from posterity.store import ObjectStore, open_store

WORKFLOW = re.compile(r"(.+?)-(?:retry-)?system-.+")  # the name of a pod begins with that of its workflow


@dataclass(frozen=True)
class PodLog:
    """What one attempt of a stage has printed, and where that was found."""

    stage: str
    pod: str
    text: str
    place: str


@dataclass(frozen=True)
class Sources:
    """Where logs are looked for, in this order."""

    job: str
    cluster: Cluster | None
    api: PipelinesApi | None
    kept: ObjectStore | None
    namespace: str

    @classmethod
    def of(cls, settings: Settings, job: str) -> "Sources":
        """Those that the settings name. Raises SettingsError where they name none."""
        api = PipelinesApi(settings.api_endpoint) if settings.api_endpoint else None
        kept = open_store(settings.logs) if settings.logs else None
        cluster = Cluster.of(settings)
        if not (api or kept or cluster):
            raise SettingsError(
                "there is no cluster to ask for logs; set POSTERITY_API_ENDPOINT or POSTERITY_LOGS, or a context of "
                "kubectl"
            )
        return cls(job, cluster, api, kept, settings.namespace)

    def find(self, stage: str, pod: str) -> PodLog | None:
        """The log of a pod from the first source that has it. Raises the last source's error if none could be asked."""
        places: dict[str, Callable[[str, str], bytes | None]] = {
            "the pod": self._from_pod,
            "the API of Kubeflow Pipelines": self._from_api,
            "Argo's logs in the store": self._from_argo,
            "the launcher's logs in the store": self._from_launcher,
        }
        trouble: PosterityError | None = None
        for place, read in places.items():
            try:
                if (found := read(stage, pod)) is not None:
                    return PodLog(stage, pod, found.decode(errors="replace"), place)
            except NotFoundError:
                continue
            except PosterityError as error:
                trouble = error
        if trouble:
            raise trouble
        return None

    def _from_pod(self, _: str, pod: str) -> bytes | None:
        return self.cluster.log(pod) if self.cluster else None

    def _from_api(self, _: str, pod: str) -> bytes | None:
        return self.api.log(self.job, pod) if self.api else None

    def _from_argo(self, _: str, pod: str) -> bytes | None:
        """`private-artifacts/NAMESPACE/WORKFLOW/YEAR/MONTH/DAY/POD/main.log`"""
        workflow = WORKFLOW.fullmatch(pod)
        if not self.kept or not workflow:
            return None
        keys = self.kept.list(f"private-artifacts/{self.namespace}/{workflow[1]}/")
        return next((self.kept.get(key) for key in keys if key.endswith(f"/{pod}/main.log")), None)

    def _from_launcher(self, stage: str, _: str) -> bytes | None:
        """`v2/artifacts/PIPELINE/RUN/TASK/ID/executor-logs-ATTEMPT`: all attempts of a task, which names no pod."""
        from pipelines.experiment import NAME

        task = stage.partition(".")[0].replace("_", "-")
        if not self.kept:
            return None
        keys = self.kept.list(f"v2/artifacts/{NAME}/{self.job}/{task}/")
        found = sorted(key for key in keys if key.rpartition("/")[2].startswith("executor-logs"))
        return b"\n".join(self.kept.get(key) for key in found) if found else None


def read_logs(log: RunLog, stage: str, settings: Settings) -> Iterator[PodLog]:
    """The logs of all attempts of a stage (`sample` for all shards, `sample.0,2` for one), or of all stages.

    Raises NotFoundError when the run is none of a cluster, or when nothing of the stage is to be found.
    """
    job = log.facts().get("job")
    if not job:
        raise NotFoundError(f"run {log.run} ran on a machine: what it printed is in .posterity/local/{log.run} there")
    records = [record for record in log.stages() if stage in {"", record.stage, record.name}]
    sources = Sources.of(settings, str(job))
    found = [text for record in records for text in _of_record(record, sources)]
    known = {text.pod for text in found}
    if stage and sources.cluster:
        rest = [pod for pod in sources.cluster.pods(str(job), stage.partition(".")[0]) if pod not in known]
        found += [text for pod in rest if (text := sources.find(stage, pod))]
    if not found:
        there = ", ".join(record.name for record in log.stages()) or "none"
        raise NotFoundError(
            f"no log of {stage or 'any stage'} of run {log.run} is left; stages with a record: {there}. Pods keep "
            "theirs for an hour; for later, set POSTERITY_LOGS to the bucket of Kubeflow Pipelines, s3://mlpipeline"
        )
    yield from found


def _of_record(record: StageRecord, sources: Sources) -> Iterator[PodLog]:
    for pod in record.pods:
        if text := sources.find(record.name, pod):
            yield text
