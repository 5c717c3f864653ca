"""Pins: an earlier version whose code and settings all runs of its model take, whatever starts them, until released.

The newest entry `pin` or `unpin` of the audit log decides. A run follows the pin that held when it began.
"""

from posterity.errors import RefusedError
from posterity.registry import audit
from posterity.registry.audit import Entry
from posterity.registry.identity import who
from posterity.registry.versions import Version
from posterity.store import ObjectStore

PIN, UNPIN = "pin", "unpin"


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
