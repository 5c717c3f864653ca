"""The steps from a candidate to production, each of which can be repeated; pipelines and the command call the same."""

from posterity.errors import PosterityError
from posterity.registry import aliases, versions
from posterity.registry.aliases import Move
from posterity.registry.identity import who
from posterity.registry.versions import Version
from posterity.release import staging
from posterity.release.check import Check
from posterity.release.database import Database
from posterity.release.decision import Decision, decide
from posterity.release.probe import probe
from posterity.release.process import client_of
from posterity.release.production import CHAMPION, Grounds, Production, roll_back, settle
from posterity.release.request import tell
from posterity.release.staging import Trial
from posterity.settings import Settings
from posterity.store import ObjectStore, open_store

STAGING = "staging"


def open_version(name: str) -> tuple[ObjectStore, Settings, Version]:
    """The version that a task of a pipeline was told of, MODEL/NUMBER, with the store and the settings of its pod."""
    settings = Settings.from_environment()
    store = open_store(settings.store)
    return store, settings, versions.get(store, name)


def point_staging(store: ObjectStore, version: Version, run: str) -> None:
    """Let the staging server serve `version`."""
    aliases.move(store, version.model, STAGING, version.number, who(), f"to be tried, by {run}")


def probe_staging(store: ObjectStore, settings: Settings, version: Version) -> tuple[Check, ...]:
    """Ask the staging server about `version`; what keeps it from answering is a check that failed."""
    try:
        with client_of(settings, settings.staging_url, f"{version.model}@{STAGING}") as client:
            return probe(store, client, version)
    except PosterityError as error:
        return (Check("server", False, str(error)),)


def conclude_staging(
    store: ObjectStore, settings: Settings, version: Version, run: str, image: str, checks: tuple[Check, ...]
) -> tuple[Trial, Decision]:
    """Write down how it went, tell people what the version waits for, and say whether it may go into production.

    A version that failed leaves staging to the champion, since servers that start anew are not ready without what they
    are pointed at.
    """
    trial = staging.record(store, version, run, image, checks)
    champion = aliases.current(store, version.model, CHAMPION)
    if not trial.passed and champion and aliases.current(store, version.model, STAGING) == version.number:
        aliases.move(store, version.model, STAGING, champion, who(), f"{version.label} failed in staging")
    decision = decide(store, settings, version)
    tell(store, settings, decision, trial)
    return trial, decision


def try_in_staging(store: ObjectStore, settings: Settings, version: Version, run: str) -> tuple[Trial, Decision]:
    """All of staging, in this process."""
    point_staging(store, version, run)
    return conclude_staging(store, settings, version, run, "", probe_staging(store, settings, version))


def next_step(trial: Trial, decision: Decision) -> str:
    """What follows staging, in words."""
    label = decision.version.label
    if decision.allowed:
        return f"staging passed; {label} may go into production: {decision.why}"
    if decision.waits and not decision.failed:
        how = f'posterity approve {label} --reason "…"'
        return f"staging passed; {label} waits for an approval, because {decision.waits}: {how}"
    reasons = "; ".join(f"{check.name}: {check.text}" for check in decision.failed)
    return f"staging {'passed' if trial.passed else 'failed'}; {label} does not go into production: {reasons}"


def refuse_unless_allowed(store: ObjectStore, settings: Settings, version: Version) -> Decision:
    """What lets `version` into production. Raises RefusedError saying what is in the way; nothing is in the way of one
    that is there already, whose promotion or rollback is being finished."""
    decision = decide(store, settings, version)
    if aliases.current(store, version.model, CHAMPION) != version.number:
        decision.refuse()
    return decision


def into_production(store: ObjectStore, settings: Settings, version: Version) -> Move:
    """Check, probe, move the pointer, publish. Raises RefusedError saying what is in the way."""
    decision = refuse_unless_allowed(store, settings, version)
    with client_of(settings, settings.production_url, f"{version.model}@champion") as client:
        grounds = Grounds(decision.how, decision.who, decision.why)
        return Production(store, client, database_of(settings)).promote(version, grounds)


def back_to(store: ObjectStore, settings: Settings, version: Version, why: str) -> Move:
    """Roll the product back: the pointer first, and then the database."""
    move = roll_back(store, version, why)
    if database := database_of(settings):
        settle(store, database, version.model)
    return move


def database_of(settings: Settings) -> Database | None:
    """The database that products are published in, None where none is set."""
    return Database(settings.database_url) if settings.database_url else None
