"""When the pipeline of a model last succeeded: registered a version, or found that it is registered already.

One small object per model, which the last run that succeeds writes anew, so that servers and monitoring need not read
runs.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from posterity.store import ObjectStore
from posterity.store.digest import canonical_json


@dataclass(frozen=True)
class Success:
    """A run that succeeded, the version that it made or found, `model/number`, and when it had."""

    run: str
    version: str
    when: str

    @property
    def time(self) -> float:
        """Seconds since the epoch."""
        return datetime.fromisoformat(self.when).timestamp()


def note(store: ObjectStore, success: Success) -> None:
    """Write down that a run succeeded, unless a later one has."""
    model = success.version.rpartition("/")[0]
    before = last(store, model)
    if before is None or before.time < success.time:
        store.overwrite(_key(model), canonical_json(asdict(success)))


def last(store: ObjectStore, model: str) -> Success | None:
    """The last run that succeeded; None where nobody has written that down, or not so that it can be read."""
    found = store.read(_key(model))
    try:
        return Success(**json.loads(found[0])) if found else None
    except (ValueError, TypeError):
        return None


def _key(model: str) -> str:
    return f"models/{model}/succeeded.json"
