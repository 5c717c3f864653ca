"""Pins: an earlier version whose code and settings all runs of its model take, whatever starts them, until released.

The newest entry `pin` or `unpin` of the audit log decides. A run follows the pin that held when it began.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posterity.errors import RefusedError
from posterity.model.source import unpack
from posterity.registry import audit, versions
from posterity.registry.audit import Entry
from posterity.registry.identity import who
from posterity.registry.versions import Version
from posterity.release.definition import SETTINGS
from posterity.store import ObjectStore

PIN, UNPIN = "pin", "unpin"
FIRST = "ingest"  # the stage that decides for its run


@dataclass(frozen=True)
class Pinned:
    """What a run takes from a version instead of its own: code, and the parameters that its numbers depend on."""

    version: str
    parameters: dict[str, Any]

    def model(self, store: ObjectStore) -> str:
        """The specification of the version's model, unpacked here. Raises CorruptError."""
        version = versions.get(store, self.version)
        code = version.references["code"]
        folder = Path(tempfile.gettempdir()) / "posterity-code" / code.sha256[:32]
        return unpack(code.fetch(store), folder, version.model_class)


def pin(store: ObjectStore, version: Version, why: str) -> Entry:
    """Pin the model of `version` to its code and settings; nothing happens where it is pinned to them already.

    Raises SettingsError without a reason.
    """
    there = current(store, version.model)
    if there and there.number == version.number:
        return there
    return audit.record(store, version.model, PIN, version.number, who(), why)


def unpin(store: ObjectStore, model: str, why: str) -> Entry:
    """Let runs of `model` take their own code and settings again.

    Raises RefusedError where it is not pinned, SettingsError without a reason.
    """
    there = current(store, model)
    if there is None:
        raise RefusedError(f"{model} is not pinned, so there is nothing to release; see posterity history {model}")
    return audit.record(store, model, UNPIN, there.number, who(), why)


def current(store: ObjectStore, model: str) -> Entry | None:
    """The pin that holds for `model`, None where there is none."""
    last = audit.last(store, model, PIN, UNPIN)
    return last if last and last.kind == PIN else None


def of_run(store: ObjectStore, run: str, stage: str, model: str) -> Pinned | None:
    """What `run` of the model specified as `model` is pinned to; its first stage decides, the others are told."""
    key = pinned_key(run)
    if stage == FIRST and store.size(key) is None:
        version = _of_model(store, model)
        used = {name: version.parameters[name] for name in SETTINGS if name in version.parameters} if version else {}
        facts = {"version": version.label, "parameters": used} if version else {}
        store.put(key, json.dumps(facts).encode())
    found = store.read(key)
    facts = json.loads(found[0]) if found else {}
    return Pinned(**facts) if facts else None


def pinned_key(run: str) -> str:
    """Where a run keeps what it is pinned to."""
    return f"runs/{run}/pinned.json"


def _of_model(store: ObjectStore, specification: str) -> Version | None:
    """The pinned version of the model that a specification means. It is not loaded for that: what is wrong with its
    code may be why it is pinned, and two modules of one name cannot be loaded."""
    for model in versions.models(store):
        if entry := current(store, model):
            version = versions.get(store, f"{model}/{entry.number}")
            if specification in (model, version.parameters.get("model")) or _is_file_of(specification, version):
                return version
    return None


def _is_file_of(specification: str, version: Version) -> bool:
    """Whether `path/file.py:Class` names the class of a version, `package.file:Class`."""
    path, _, name = specification.rpartition(":")
    return f"{Path(path).stem}:{name}" == version.model_class.rpartition(".")[2]
