"""Put a version into production, or an earlier one back: pointer, server and database alike.

The pointer `champion` is the truth, and moving it is the one step that counts; the server follows it by itself, and the
database is made to. Rows are published and the version is probed on the production server before, so that nobody gets
a version that cannot be served. Killed at any moment, the old or the new version stands whole in each place, and a
repetition brings all of them to the new one. An entry `promoted` of the audit log says that they are.
"""

from dataclasses import dataclass

from posterity.errors import PosterityError, RefusedError, UnavailableError
from posterity.registry import aliases, audit, retirement, versions
from posterity.registry.aliases import Move
from posterity.registry.identity import who
from posterity.registry.versions import Version
from posterity.release.check import summary
from posterity.release.client import Client
from posterity.release.database import Database
from posterity.release.probe import probe
from posterity.store import ObjectStore

CHAMPION, DONE, ROLLBACK = "champion", "promoted", "rollback"
FOLLOW = 60.0  # seconds within which the server has to follow the pointer


@dataclass(frozen=True)
class Grounds:
    """What lets a version into production: how (see `posterity.registry.aliases.Move`), who decided so, and why."""

    how: str
    who: str
    why: str


@dataclass(frozen=True)
class Production:
    """Where people read: store, server and, where there is one, database."""

    store: ObjectStore
    client: Client
    database: Database | None

    def promote(self, version: Version, grounds: Grounds) -> Move:
        """Let everybody read `version`; where that fails half way, the version before. Repeating it is harmless.

        Raises RefusedError when the production server does not pass every probe of it, ConflictError when the pointer
        is moved by somebody else, UnavailableError when server, store or database are away.
        """
        pointed = aliases.pointed(self.store, version.model, CHAMPION)
        if pointed and pointed.number == version.number:
            move = pointed
        else:
            self._prepare(version)
            by = grounds.who or who()
            move = aliases.move(self.store, version.model, CHAMPION, version.number, by, grounds.why, grounds.how)
        if self._is_done(version, move):
            self._follow(version)
        else:
            self._complete(version, move)
        return move

    def _prepare(self, version: Version) -> None:
        """Everything that can go wrong without anybody noticing."""
        if self.database:
            self.database.publish(self.store, version)
        checks = probe(self.store, self.client, version)
        if not all(check.passed for check in checks):
            raise RefusedError(f"{version.label} is not served well in production, and stays out: {summary(checks)}")

    def _complete(self, version: Version, move: Move) -> None:
        try:
            self._follow(version)
        except PosterityError as error:
            self._go_back(version, move, error)
            raise
        audit.record(self.store, version.model, DONE, version.number, who(), move.why, move=move.id, how=move.how)

    def _follow(self, version: Version) -> None:
        self.client.wait_current(version.model, version.number, FOLLOW)
        if self.database:
            settle(self.store, self.database, version.model)

    def _go_back(self, version: Version, move: Move, error: PosterityError) -> None:
        """Let the version before be the champion again, unless somebody has moved the pointer on. Raises
        UnavailableError where there is none: a first version stays, and a repetition completes it."""
        if move.before is None:
            raise UnavailableError(
                f"{version.label} is the first version of its model, so there is none to go back to; repeat the "
                f"promotion when this is mended: {error}"
            ) from error
        pointed = aliases.pointed(self.store, version.model, CHAMPION)
        if pointed and pointed.id == move.id:
            why = f"rolled back by itself, since {version.label} could not be put into production: {error}"
            back = aliases.move(self.store, version.model, CHAMPION, move.before, who(), why, ROLLBACK)
            if self.database:
                settle(self.store, self.database, version.model)
            audit.record(self.store, version.model, DONE, move.before, who(), why, move=back.id, how=ROLLBACK)

    def _is_done(self, version: Version, move: Move) -> bool:
        done = audit.entries(self.store, version.model, DONE, number=version.number)
        return any(entry.facts["move"] == move.id for entry in done)


def settle(store: ObjectStore, database: Database, model: str) -> int | None:
    """Let the database show what the pointer names; returns that version's number."""
    while True:
        number = aliases.current(store, model, CHAMPION)
        if number is not None:
            database.publish(store, versions.get(store, f"{model}/{number}"))
            database.switch(model, number)
        if aliases.current(store, model, CHAMPION) == number:
            return number


def roll_back(store: ObjectStore, version: Version, why: str) -> Move:
    """Let `version`, which was in production before, be the champion again; servers follow within seconds.

    It moves the pointer alone: that works whatever state servers and database are in. `settle` brings the database
    after. Raises RefusedError where it was never in production, SettingsError without a reason.
    """
    known = [move.number for move in in_production(store, version.model)]
    if version.number not in known:
        raise RefusedError(
            f"{version.label} was never in production, so that nothing can be rolled back to it; promote it instead"
        )
    return aliases.move(store, version.model, CHAMPION, version.number, who(), why, ROLLBACK)


def earlier(store: ObjectStore, model: str) -> Version:
    """The version that was in production before the one that is; what a rollback left behind, or what was withdrawn,
    does not count.

    Raises RefusedError where there is none.
    """
    withdrawn = retirement.retired(store, model)
    stack: list[int] = []
    for move in in_production(store, model):
        stack = stack[: stack.index(move.number)] if move.number in stack else stack
        stack.append(move.number)
    before = [number for number in stack[:-1] if number not in withdrawn]
    if not before:
        raise RefusedError(f"no version of {model} was in production before, so that none can be rolled back to")
    return versions.get(store, f"{model}/{before[-1]}")


def in_production(store: ObjectStore, model: str) -> list[Move]:
    """The moves of the champion, the oldest first."""
    return [move for move in aliases.history(store, model) if move.alias == CHAMPION]
