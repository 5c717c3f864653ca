"""Follows the pointers: looks at them again and again, loads what they name, and swaps it in.

Whatever goes wrong (the store is away, a product is damaged) is noted for readiness and metrics; what is in memory goes
on being served.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from posterity.errors import NotFoundError, PosterityError, UnavailableError
from posterity.registry import aliases, retirement, success, versions
from posterity.server.catalogue import Catalogue, Line
from posterity.server.references import ALL, CHALLENGER, ProductReference
from posterity.server.served import ServedVersion, load_served
from posterity.server.workers import announce

ON_TRIAL = ("@staging", "@candidate")  # what is broken of these is to be found out, and must not keep a server down
NEW_MODELS = 15.0  # seconds after which it is looked for new models; that lists more than a pointer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Condition:
    """How the last look at the store went.

    looked: seconds since the epoch when it last succeeded, None if never; away: what kept it from succeeding; troubles:
    model → why what its pointer names is not served.
    """

    looked: float | None = None
    away: str = ""
    troubles: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether all that people are to read is in memory, or was once."""
        return self.looked is not None


class Follower:
    """Keeps a catalogue in step with the pointers, from a thread of its own."""

    def __init__(self, catalogue: Catalogue, references: Sequence[ProductReference], guarded: bool) -> None:
        self.catalogue = catalogue
        self.condition = Condition()
        self._references = references
        self._guarded = guarded  # whether some readers may see released versions only
        self._models: list[str] = []
        self._listed = 0.0
        self._stop = threading.Event()

    def start(self, seconds: float) -> None:
        """Look again every so many seconds from now on."""
        threading.Thread(target=self._run, args=(seconds,), name="follower", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def look(self) -> None:
        """Look at every pointer once. Raises nothing: what went wrong is the condition from then on."""
        troubles: dict[str, str] = {}
        try:
            lines = {model: self._line(model, found, troubles) for model, found in self._wanted().items()}
        except Exception as error:  # whatever it is: without this thread yesterday's version would be served for ever
            if not isinstance(error, UnavailableError):
                log.exception("cannot follow the pointers")
            self.condition = Condition(self.condition.looked, str(error), self.condition.troubles)
            return
        self.catalogue.replace(lines)
        wanted = (line for line in lines.values() if not line.reference.endswith(ON_TRIAL))
        served = not any(line.current is None and line.model in troubles for line in wanted)
        looked = time.time() if served else self.condition.looked
        if looked and not self.condition.is_ready:
            announce()
        self.condition = Condition(looked, "", troubles)

    def _run(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            self.look()

    def _wanted(self) -> dict[str, list[ProductReference]]:
        """Model → the references for it: one for the current product, perhaps one for the challenger."""
        named = {item.model for item in self._references} - {ALL}
        found: dict[str, list[ProductReference]] = {}
        for model in dict.fromkeys([*sorted(named), *(self._all() if self._follows_all() else ())]):
            mine = [item for item in self._references if item.model == model]
            kinds = {item.alias == CHALLENGER for item in mine}
            general = [item for item in self._references if item.model == ALL]
            found[model] = mine + [item for item in general if (item.alias == CHALLENGER) not in kinds]
        return found

    def _follows_all(self) -> bool:
        return any(item.model == ALL for item in self._references)

    def _all(self) -> Iterable[str]:
        if time.monotonic() - self._listed > NEW_MODELS or not self._models:
            self._models, self._listed = versions.models(self.catalogue.store), time.monotonic()
        return self._models

    def _line(self, model: str, references: Sequence[ProductReference], troubles: dict[str, str]) -> Line:
        before = self.catalogue.lines.get(model, Line(model, "", None))
        current: ServedVersion | None = None
        challenger: ServedVersion | None = None
        name = ""
        for reference in references:
            if reference.alias == CHALLENGER:
                challenger = self._served(model, reference, before.challenger, troubles)
            else:
                name = f"{model}{str(reference)[len(reference.model) :]}"
                current = self._served(model, reference, before.current, troubles)
        if current and challenger and current.record.number == challenger.record.number:
            challenger = None  # it has become the champion, and its alias was left where it was
        retired = retirement.retired(self.catalogue.store, model)
        same = (before.current, before.challenger) == (current, challenger) and before.released is not None
        released = before.released if same else self._released(model, references)
        return Line(model, name, current, challenger, retired, released, success.last(self.catalogue.store, model))

    def _served(
        self, model: str, reference: ProductReference, before: ServedVersion | None, troubles: dict[str, str]
    ) -> ServedVersion | None:
        """What a reference names now; what it named before, where that cannot be loaded."""
        try:
            number = reference.number or aliases.current(self.catalogue.store, model, reference.alias)
            if number is None:
                return None
            if before and before.record.number == number:
                return before
            record = self.catalogue.record(model, number)
            return self.catalogue.held(model, number) or load_served(self.catalogue.store, record)
        except UnavailableError:
            raise
        except PosterityError as error:
            troubles[model] = str(error)
            if not isinstance(error, NotFoundError):
                log.warning("%s cannot be served: %s", model, error)
            return before

    def _released(self, model: str, references: Sequence[ProductReference]) -> frozenset[int] | None:
        """The versions that the references have ever named; None where everybody may read everything."""
        if not self._guarded:
            return None
        followed = {item.alias for item in references if item.alias}
        moves = aliases.history(self.catalogue.store, model)
        pinned = {item.number for item in references if item.number}
        return frozenset(pinned | {move.number for move in moves if move.alias in followed})
