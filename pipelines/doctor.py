"""Look at everything that a run needs, and say what to do about what is not in order."""

import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from posterity.errors import PosterityError
from posterity.model.loading import installed_models, load_model
from posterity.settings import Settings
from posterity.store import open_store

LEAST_FREE = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    well: bool
    text: str


def examine() -> Iterator[Finding]:
    """Each check with its outcome; a check that breaks is a fault of its own."""
    for name, check in {**CHECKS, **_of_cluster()}.items():
        try:
            yield Finding(name, True, check())
        except PosterityError as error:
            yield Finding(name, False, str(error))
        except Exception as error:
            yield Finding(name, False, f"{type(error).__name__}: {error}")


def _of_cluster() -> dict[str, Callable[[], str]]:
    """The checks of the cluster that the settings name, if they name one."""
    from pipelines.kubeflow.health import checks

    try:
        return checks(Settings.from_environment())
    except PosterityError:
        return {}  # the settings themselves are at fault, as their own check says


def _python() -> str:
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} cores"


def _settings() -> str:
    settings = Settings.from_environment()
    return f"store {settings.store}"


def _store() -> str:
    store = open_store(Settings.from_environment().store, patient=False)
    key = f"runs/.doctor/{uuid.uuid4().hex}"
    written, again = store.put(key, b"1"), store.put(key, b"2")
    intact = store.get(key) == b"1"
    store.delete(key)
    if not written or again or not intact:
        raise PosterityError(f"{store.url} does not honour put-if-absent; use MinIO, S3 or a directory")
    return f"{store.url} can be read and written, put-if-absent holds"


def _space() -> str:
    url = Settings.from_environment().store
    if not url.startswith("file://"):
        return "the store is not on this machine"
    folder = url.removeprefix("file://")
    while not os.path.exists(folder):  # noqa: PTH110
        folder = os.path.dirname(folder)  # noqa: PTH120
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise PosterityError(
            f"{free / 1024**3:.1f} GiB are free at {folder}; make room, a run of flights needs 0.5 GiB"
        )
    return f"{free / 1024**3:.0f} GiB free"


def _registry() -> str:
    from posterity.registry import tracking

    return tracking.probe(Settings.from_environment())


def _models() -> str:
    names = installed_models()
    for name in names:
        load_model(name)
    return ", ".join(names)


def _compiled() -> str:
    import tempfile
    from pathlib import Path

    from pipelines.compile import COMPILED, compile_all

    with tempfile.TemporaryDirectory() as folder:
        for fresh in compile_all(Path(folder)):
            committed = COMPILED.with_name(fresh.name)
            if not committed.is_file() or fresh.read_text() != committed.read_text():
                raise PosterityError(f"{committed} is stale; run posterity compile and commit it")
    return "all three are what the pipelines compile to"


CHECKS: dict[str, Callable[[], str]] = {
    "python": _python,
    "settings": _settings,
    "store": _store,
    "space": _space,
    "registry": _registry,
    "models": _models,
    "compiled pipeline": _compiled,
}
