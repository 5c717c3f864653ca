"""Start a run at Kubeflow Pipelines: everything is checked before anything is uploaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.compile_settings import CompileSettings
from pipelines.kubeflow.api import PipelinesApi
from pipelines.kubeflow.cluster import Cluster
from posterity.errors import ModelError, RefusedError, SettingsError
from posterity.model.loading import installed_models
from posterity.registry import images
from posterity.runs import RunLog
from posterity.settings import Settings
from posterity.stages.inputs import parse_day, share_out
from posterity.store import ObjectStore, open_store


@dataclass(frozen=True)
class Request:
    """What is to run, and how its pods are made."""

    model: str
    as_of: str
    run: str
    source: str = ""
    seed: int = 1
    chains: int = 4
    shards: str = "auto"
    sampler: Mapping[str, float] = field(default_factory=dict)
    cause: str = "by hand"
    settings: CompileSettings = field(default_factory=CompileSettings)

    def parameters(self) -> dict[str, Any]:
        """Those of the pipeline that say what is computed."""
        names = ("model", "source", "as_of", "seed", "chains", "shards")
        return {name: getattr(self, name) for name in names} | {"sampler": dict(self.sampler)}


@dataclass(frozen=True)
class Submitted:
    """A run that was started: what it leaves in the store, its identifier at Kubeflow Pipelines, its page there; and
    what there is to say about it."""

    log: RunLog
    job: str
    link: str
    note: str = ""


def submit(request: Request, settings: Settings) -> Submitted:
    """Check, upload what is not there yet, and start. A run that was submitted before, under the same name with the
    same parameters, is not started again.

    Raises SettingsError, ModelError, RefusedError naming what cannot be, before anything is uploaded; UnavailableError
    when store or API are away.
    """
    store = cluster_store(settings)
    api = PipelinesApi.of(settings)
    note = check(request, store)
    log = RunLog(store, request.run)
    if before := _submitted_before(request, log):
        return before
    if (cluster := Cluster.of(settings)) and (missing := cluster.missing(request.settings)):
        raise RefusedError(missing[0])
    from pipelines.compile import versions
    from pipelines.experiment import NAME

    uploaded = {name: api.upload(name, *version) for name, version in versions(request.settings).items()}
    given = {**request.parameters(), "run": request.run, "cause": request.cause}
    job = api.start(experiment_of(request.model), request.run, uploaded[NAME], given)
    link = settings.run_page(job)
    log.begin(request.parameters(), request.cause, job, link)
    return Submitted(log, job, link, note)


def _submitted_before(request: Request, log: RunLog) -> Submitted | None:
    """The run of the same name, if there is one. Raises SettingsError where that is another."""
    if log.store.size(f"runs/{log.run}/run.json") is None:
        return None
    facts = log.facts()
    if not facts.get("job") or facts["parameters"] != request.parameters():
        raise SettingsError(f"run {log.run} is there with other parameters; give this one another name, or none")
    return Submitted(log, facts["job"], facts.get("link", ""), f"run {log.run} was submitted before")


def check(request: Request, store: ObjectStore) -> str:
    """Raise SettingsError or ModelError on what no stage could work with; returns what cannot be told from here."""
    parse_day(request.as_of)
    if request.shards != "auto" and not request.shards.isdecimal():
        raise SettingsError(f"shards={request.shards!r} is neither a number nor auto")
    share_out(request.chains, 1 if request.shards == "auto" else int(request.shards))
    _check_source(request.source)
    return _check_model(request.model, store, request.settings.image)


def _check_source(source: str) -> None:
    if source and "://" not in source and not source.startswith("snapshot:"):
        raise SettingsError(f"--source {source} is a file of this machine, which no pod can read; put it into a bucket")


def _check_model(model: str, store: ObjectStore, image: str) -> str:
    """Refuse a model that the image does not hold. What it holds is known once something has run in it; until then a
    model that is not installed here either is let through, and `ingest` refuses it if the image lacks it."""
    if ".py:" in model:
        raise ModelError(
            f"{model} is a file of this machine, which no pod can read; put it into a package and the package into the "
            "images with make images MODELS=DIR, then submit it by its name"
        )
    known = images.models_of(store, image)
    if known is not None and model not in known:
        raise ModelError(f"no model named {model!r} is in image {image}; there are {', '.join(known)}")
    if known is None and model not in installed_models():
        return f"model {model!r} is not installed here, and nothing has run in {image} yet: ingest tells if it is there"
    return ""


def experiment_of(model: str) -> str:
    """The experiment that holds the runs of a model."""
    return f"posterity {model}"


def cluster_store(settings: Settings) -> ObjectStore:
    """The store that pods and we share. Raises SettingsError on a folder of this machine."""
    if settings.store.startswith("file:"):
        raise SettingsError(
            f"POSTERITY_STORE={settings.store} is a folder of this machine, which no pod can read; set it to the store "
            "of the cluster, s3://posterity, with AWS_ENDPOINT_URL_S3 and credentials"
        )
    return open_store(settings.store)
