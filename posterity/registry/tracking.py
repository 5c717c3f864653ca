"""The mirror of versions in MLflow, for people and for search. The records in the store are the truth.

Everything here can be repeated: a registry that was away is filled in by the next call of `mirror`.
"""

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.registry.card import model_card
from posterity.registry.versions import Version
from posterity.settings import Settings
from posterity.store import ObjectStore

if TYPE_CHECKING:
    from mlflow import MlflowClient

LARGEST = 1 << 20  # bytes of an artifact that is copied; larger ones are mirrored as a reference
log = logging.getLogger(__name__)


def mirror(store: ObjectStore, settings: Settings, version: Version) -> bool:
    """Write `version` as an experiment run and a registered model version; returns whether the registry took it.

    A registry that is away is logged and loses nothing.
    """
    try:
        with _client(settings) as client:
            if not _find(client, version):
                _create(client, store, version)
    except Exception as error:  # noqa: BLE001 (whatever ails the mirror must not fail the run)
        log.warning("the registry %s did not take %s (%s); `posterity mirror` repeats it", settings.registry, version.label, error)
        return False
    return True


def mirror_alias(settings: Settings, version: Version, alias: str) -> bool:
    """Let the registered model's alias point at `version` too; returns whether the registry took it."""
    try:
        with _client(settings) as client:
            found = _find(client, version)
            if found:
                client.set_registered_model_alias(version.model, alias, found)
    except Exception as error:  # noqa: BLE001
        log.warning("the registry %s did not take the alias %s (%s)", settings.registry, alias, error)
        return False
    return True


def probe(settings: Settings) -> str:
    """Say how many models the registry has. Raises whatever keeps it from answering."""
    with _client(settings) as client:
        return f"{settings.registry} has {len(client.search_registered_models())} models"


@contextmanager
def _client(settings: Settings) -> "Iterator[MlflowClient]":
    if settings.registry.startswith("sqlite:///"):
        Path(settings.registry.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow import MlflowClient

    yield MlflowClient(tracking_uri=settings.registry, registry_uri=settings.registry)


def _find(client: "MlflowClient", version: Version) -> str | None:
    """The registry's number of `version`, None where it is not mirrored."""
    found = client.search_model_versions(f"name = '{version.model}' and tags.posterity_version = '{version.number}'")
    return str(found[0].version) if found else None


def _create(client: "MlflowClient", store: ObjectStore, version: Version) -> None:
    experiment = client.get_experiment_by_name(version.model)
    identifier = experiment.experiment_id if experiment else _create_experiment(client, version.model)
    run = client.create_run(identifier, run_name=version.run, tags=_tags(version))
    _log_figures(client, run.info.run_id, version)
    with tempfile.TemporaryDirectory() as folder:
        _write_artifacts(store, version, Path(folder))
        client.log_artifacts(run.info.run_id, folder)
    if not client.search_registered_models(f"name = '{version.model}'"):
        client.create_registered_model(version.model)
    source = f"{run.info.artifact_uri}"
    created = client.create_model_version(
        version.model, source, run.info.run_id, tags=_tags(version), description=model_card(version)
    )
    client.set_registered_model_alias(version.model, "candidate", created.version)
    client.set_terminated(run.info.run_id)


def _create_experiment(client: "MlflowClient", name: str) -> str:
    return str(client.create_experiment(name))


def _tags(version: Version) -> dict[str, Any]:
    return {**version.facts(), "posterity_version": str(version.number)}


def _log_figures(client: "MlflowClient", run: str, version: Version) -> None:
    from mlflow.entities import Metric, Param

    parameters = [Param(name, str(value)[:500]) for name, value in version.parameters.items()]
    metrics = [Metric(_plain(name), value, 0, 0) for name, value in version.metrics.items()]
    client.log_batch(run, metrics=metrics, params=parameters)


def _write_artifacts(store: ObjectStore, version: Version, folder: Path) -> None:
    """The version's record and card, each small artifact itself and each large one as a reference."""
    (folder / "version.json").write_bytes(version.to_json())
    (folder / "README.md").write_text(model_card(version))
    for name, reference in version.references.items():
        if (store.size(reference.key) or LARGEST + 1) <= LARGEST:
            (folder / f"{name}{Path(reference.key).suffix}").write_bytes(reference.fetch(store))
        else:
            facts = {"uri": f"{store.url}/{reference.key}", "sha256": reference.sha256, "bytes": store.size(reference.key)}
            (folder / f"{name}.reference.json").write_text(json.dumps(facts, indent=2))


def _plain(name: str) -> str:
    """A metric's name in the letters that MLflow takes."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
