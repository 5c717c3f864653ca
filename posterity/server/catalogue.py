"""What the server has in memory, and how it comes to be there.

`lines` is replaced as a whole: a request sees the old or the new version, never something between them.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from posterity.errors import NotFoundError
from posterity.registry import versions
from posterity.registry.audit import Entry
from posterity.registry.success import Success
from posterity.registry.versions import Version
from posterity.server.served import ServedVersion, load_served
from posterity.store import ObjectStore


@dataclass(frozen=True)
class Line:
    """What is served of one model.

    reference: the one that named it; current: None where its alias points at nothing yet; retired: number → who, when
    and why; released: the numbers that the reference has ever named, which anybody may read (None: all); succeeded: the
    last run of the pipeline that did.
    """

    model: str
    reference: str
    current: ServedVersion | None
    challenger: ServedVersion | None = None
    retired: Mapping[int, Entry] = field(default_factory=dict)
    released: frozenset[int] | None = None
    succeeded: Success | None = None


class Catalogue:
    """The lines by model, and the few other versions that were asked for or were current before."""

    def __init__(self, store: ObjectStore, keep: int) -> None:
        self.store = store
        self.lines: Mapping[str, Line] = {}
        self._keep = keep
        self._others: OrderedDict[tuple[str, int], ServedVersion] = OrderedDict()
        self._records: dict[tuple[str, int], Version] = {}
        self._lock = threading.Lock()
        self._loading: dict[tuple[str, int], threading.Lock] = {}

    def held(self, model: str, number: int) -> ServedVersion | None:
        """A version, if it is in memory."""
        line = self.lines.get(model)
        for served in (line.current, line.challenger) if line else ():
            if served and served.record.number == number:
                return served
        with self._lock:
            found = self._others.get((model, number))
            if found:
                self._others.move_to_end((model, number))
        return found

    def load(self, model: str, number: int) -> ServedVersion:
        """A version, from the store if need be; it is then among those that are kept.

        Raises NotFoundError, CorruptError, UnavailableError.
        """
        with self._lock:
            loading = self._loading.setdefault((model, number), threading.Lock())
        with loading:
            found = self.held(model, number)
            if not found:
                found = load_served(self.store, self.record(model, number))
                self._keep_other(found)
        return found

    def replace(self, lines: Mapping[str, Line]) -> None:
        """Serve `lines` from now on; what was current before is kept."""
        before, self.lines = self.lines, lines
        now = {id(served) for line in lines.values() for served in (line.current, line.challenger)}
        for line in before.values():
            for served in (line.challenger, line.current):
                if served and id(served) not in now:
                    self._keep_other(served)

    def record(self, model: str, number: int) -> Version:
        """The record of a version. Raises NotFoundError, CorruptError, UnavailableError."""
        if (model, number) not in self._records:
            try:
                self._records[model, number] = versions.at(self.store, model, number)
            except NotFoundError:
                raise NotFoundError(f"{model} has no version {number}; its versions: {self._there(model)}") from None
        return self._records[model, number]

    def records(self, model: str) -> list[Version]:
        """The records of all versions of a model, in their order. Raises CorruptError, UnavailableError."""
        return [self.record(model, number) for number in versions.numbers(self.store, model)]

    def memory(self) -> list[ServedVersion]:
        """Everything that is in memory."""
        lines = [served for line in self.lines.values() for served in (line.current, line.challenger) if served]
        with self._lock:
            return lines + list(self._others.values())

    def _keep_other(self, served: ServedVersion) -> None:
        with self._lock:
            self._others[served.record.model, served.record.number] = served
            while len(self._others) > self._keep:
                self._others.popitem(last=False)

    def _there(self, model: str) -> str:
        return ", ".join(map(str, versions.numbers(self.store, model))) or "none"
