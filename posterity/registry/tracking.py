"""The mirror of versions and runs in MLflow, for people and for search. The records in the store are the truth.

Everything here can be repeated, and a call copies whatever the registry lacks: one that was away, lost or stopped half
way is filled in by the next call.
"""

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from posterity.errors import UnavailableError
from posterity.registry import aliases, versions
from posterity.registry.card import is_copied, model_card
from posterity.registry.parts import Part, parts, read_part
from posterity.registry.versions import Version
from posterity.settings import Settings
from posterity.store import ObjectStore

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
NUMBER = "posterity_version"  # the tag that tells which of our versions one of the registry's is
RUN = "posterity_run"
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
NOISY = ("alembic", "mlflow.store.db.utils", "mlflow.tracking")
CAUGHT_UP = "nothing is lost: posterity mirror, the next version or the next alias brings it along"
LONGEST = 5000  # characters of a tag or parameter that MLflow's databases have room for
log = logging.getLogger(__name__)

Status = Literal["FINISHED", "FAILED"]


def mirror(store: ObjectStore, settings: Settings, version: Version) -> bool:
    """Copy `version`, the other versions of its model that the registry lacks, and its aliases as they point now.

    Returns whether the registry took it; one that is away is logged and loses nothing.
    """

    def copy(client: "MlflowClient") -> None:
        known = _known(client, version.model)
        numbers = {}
        for each in versions.search(store, version.model):
            numbers[each.number] = known.get(each.product) or _copy_version(client, store, settings, each)
        _copy_aliases(client, store, version.model, numbers)

    return _attempt(settings, version.label, copy, CAUGHT_UP)


def mirror_run(
    settings: Settings,
    model: str,
    run: str,
    status: Status,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    version: str = "",
) -> bool:
    """Copy a run that registered no version of its own: it failed, or gave what `version` is already. Returns whether
    the registry took it."""

    def copy(client: "MlflowClient") -> None:
        identifier = _run(client, settings, model, run, parameters, {"version": version} if version else {})
        _log_metrics(client, identifier, metrics, None)
        client.set_terminated(identifier, status)

    return _attempt(settings, f"run {run}", copy, f"posterity runs {run} shows it")


def erase(settings: Settings, found: Sequence[Version]) -> bool:
    """Delete the artifacts of `found` and say at each that they were erased; returns whether the registry did so."""

    def delete(client: "MlflowClient") -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        for version in found:
            number = _known(client, version.model).get(version.product)
            if number is not None:
                mirrored = client.get_model_version(version.model, number)
                artifacts = str(client.get_run(mirrored.run_id).info.artifact_uri)
                get_artifact_repository(artifacts, tracking_uri=settings.registry).delete_artifacts()
                client.set_model_version_tag(version.model, number, "erased", "true")

    labels = ", ".join(version.label for version in found)
    return _attempt(settings, f"the erasure of {labels}", delete, "erase again when it answers")


def page(settings: Settings, version: Version) -> str:
    """Where people open the experiment run of a version in the browser; empty for a registry without a server."""
    base = settings.registry_url or (settings.registry if settings.registry.startswith("http") else "")
    if not base:
        return ""
    pages = []

    def find(client: "MlflowClient") -> None:
        experiment = client.get_experiment_by_name(version.model).experiment_id
        for run in client.search_runs([experiment], f"tags.{RUN} = '{version.run}'"):
            pages.append(f"{base.rstrip('/')}/#/experiments/{experiment}/runs/{run.info.run_id}")

    _attempt(settings, f"a question after {version.label}", find, "there is no link to its page")
    return pages[0] if pages else ""


def probe(settings: Settings) -> str:
    """Say how many models the registry has. Raises UnavailableError when it does not answer."""
    try:
        return f"{settings.registry} has {len(_client(settings).search_registered_models())} models"
    except Exception as error:
        raise UnavailableError(f"the registry {settings.registry} does not answer ({_first_line(error)})") from error


def _attempt(settings: Settings, what: str, work: "Callable[[MlflowClient], None]", after: str) -> bool:
    """Whatever ails the mirror must not fail the run; `after` is what people can do about it."""
    try:
        work(_client(settings))
    except Exception as error:
        log.warning("the registry %s did not take %s (%s); %s", settings.registry, what, _first_line(error), after)
        return False
    return True


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _client(settings: Settings) -> "MlflowClient":
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of libraries that MLflow uses, as it is imported
        from mlflow import MlflowClient
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    if settings.registry.startswith(SQLITE):
        _create_database(_database(settings), SqlAlchemyStore)
    return MlflowClient(tracking_uri=settings.registry, registry_uri=settings.registry)


def _database(settings: Settings) -> Path:
    return Path(settings.registry.removeprefix(SQLITE)).absolute()


def _create_database(path: Path, build: Callable[[str, str], Any]) -> None:
    """Let MLflow build its tables in a file beside `path`, without waiting for the disk at each of its hundreds of
    steps (a tenth of the time), and give the finished, synced file its name: a database is there whole or not at all.
    """
    if path.exists():
        return
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        staged = Path(folder) / path.name
        do_not_wait = _without_waiting()
        event.listen(Engine, "connect", do_not_wait)
        try:
            build(f"{SQLITE}{staged}", str(path.parent / "artifacts")).engine.dispose()
        finally:
            event.remove(Engine, "connect", do_not_wait)
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        try:
            os.link(staged, path)
        except FileExistsError:
            log.info("%s was made by another process at the same time", path)


def _without_waiting() -> Callable[[Any, Any], None]:
    """A listener of its own for each caller, since listeners are told apart by identity."""

    def configure(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")

    return configure


def _known(client: "MlflowClient", model: str) -> dict[str, str]:
    """Digest of a product → the registry's number of the version of `model` that mirrors it."""
    found: dict[str, str] = {}
    token: str | None = None
    while token != "":
        page = client.search_model_versions(f"name = '{model}'", page_token=token)
        found |= {each.tags["product"]: str(each.version) for each in page if NUMBER in each.tags}
        token = page.token or ""
    return found


def _copy_version(client: "MlflowClient", store: ObjectStore, settings: Settings, version: Version) -> str:
    """The version as an experiment run with its artifacts, then as a registered one; the latter makes it known."""
    tags = {
        **{name: value[:LONGEST] for name, value in version.facts().items() if value},
        NUMBER: str(version.number),
    }
    run = _run(client, settings, version.model, version.run, version.parameters, tags)
    _log_metrics(client, run, version.metrics, version.created)
    with tempfile.TemporaryDirectory() as folder:
        _write_artifacts(store, version, Path(folder))
        client.log_artifacts(run, folder)
    client.set_terminated(run, "FINISHED")
    if not client.search_registered_models(f"name = '{version.model}'"):
        client.create_registered_model(version.model)
    source = str(client.get_run(run).info.artifact_uri)
    about = f"{version.model} as of {version.as_of}: gate {version.gate}, drift {version.drift}. Its card is README.md."
    return str(client.create_model_version(version.model, source, run, tags=tags, description=about).version)


def _run(
    client: "MlflowClient",
    settings: Settings,
    model: str,
    name: str,
    parameters: Mapping[str, Any],
    tags: Mapping[str, str],
) -> str:
    """The identifier of the experiment run of the pipeline run `name`, made where there is none with its parameters:
    a run that is repeated with others is another one, since MLflow lets no parameter change."""
    from mlflow.entities import Param

    experiment = client.get_experiment_by_name(model)
    identifier = (
        experiment.experiment_id if experiment else client.create_experiment(model, _artifacts(settings, model))
    )
    given = {key: str(value)[:LONGEST] for key, value in parameters.items()}
    there = client.search_runs([identifier], f"tags.{RUN} = '{name}'")
    same = [
        run.info.run_id for run in there if all(run.data.params.get(key, given[key]) == given[key] for key in given)
    ]
    run = str(same[0] if same else client.create_run(identifier, run_name=name, tags={RUN: name}).info.run_id)
    for key, value in tags.items():
        client.set_tag(run, key, value)
    client.log_batch(run, params=[Param(key, value) for key, value in given.items()])
    return run


def _artifacts(settings: Settings, model: str) -> str | None:
    """Where a local registry keeps the artifacts of a model: beside its database; a server decides by itself."""
    is_local = settings.registry.startswith(SQLITE)
    return (_database(settings).parent / "artifacts" / model).as_uri() if is_local else None


def _log_metrics(client: "MlflowClient", run: str, metrics: Mapping[str, float], created: str | None) -> None:
    from mlflow.entities import Metric

    when = int(datetime.fromisoformat(created).timestamp() * 1000) if created else 0
    client.log_batch(run, metrics=[Metric(_plain(name), float(value), when, 0) for name, value in metrics.items()])


def _plain(name: str) -> str:
    """A metric's name in the letters that MLflow takes."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)


def _write_artifacts(store: ObjectStore, version: Version, folder: Path) -> None:
    """Record, card, settings, metrics and data sizes; each small part itself and each large one as a reference."""
    found = parts(store, version)
    (folder / "version.json").write_bytes(version.to_json())
    (folder / "README.md").write_text(model_card(version, found))
    made_with = {"parameters": version.parameters, "image": version.image, "packages": version.packages}
    _write_json(folder / "settings.json", made_with)
    _write_json(folder / "metrics.json", {"gate": version.gate, "drift": version.drift, **version.metrics})
    _write_json(folder / "data.json", {part.name: _facts(store, part) for part in found})
    for part in found:
        data = read_part(store, part) if is_copied(part) else None
        if data is None:
            _write_json(folder / f"{part.name}.reference.json", _facts(store, part))
        else:
            (folder / f"{part.name}{Path(part.reference.key).suffix}").write_bytes(data)


def _facts(store: ObjectStore, part: Part) -> dict[str, Any]:
    facts = {"uri": f"{store.url}/{part.reference.key}", "sha256": part.reference.sha256, "bytes": part.size}
    columns = part.reference.meta.get("columns")
    return {**facts, "rows": part.rows, "columns": len(columns) if columns else None}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, default=str))


def _copy_aliases(client: "MlflowClient", store: ObjectStore, model: str, numbers: Mapping[int, str]) -> None:
    """Let the registry's aliases point where the pointers in the store do; `numbers` maps ours to the registry's."""
    there = client.get_registered_model(model).aliases if numbers else {}
    for alias in aliases.ALIASES:
        number = aliases.current(store, model, alias)
        if number is not None and number in numbers and str(there.get(alias)) != numbers[number]:
            client.set_registered_model_alias(model, alias, numbers[number])
