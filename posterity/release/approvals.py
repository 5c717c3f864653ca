"""Approvals of versions and acknowledgements of drift: by whom, when, why. Both are entries of the audit log.

Who acts is whom the system says it is (`posterity.registry.identity`), never an argument. An approval counts only if it
comes from one of the approvers that the model declares and not from whoever asked for the version; this is looked at
when it is given, and again when it is used.
"""

import json
from collections.abc import Sequence

from posterity.errors import RefusedError
from posterity.registry import aliases, audit, versions
from posterity.registry.audit import Entry
from posterity.registry.identity import who
from posterity.registry.versions import Version
from posterity.release.definition import terms
from posterity.runs import RunLog
from posterity.settings import Settings
from posterity.store import ObjectStore

APPROVE, ACKNOWLEDGE = "approve", "acknowledge"
ALLOW = "allow"


def approve(store: ObjectStore, settings: Settings, version: Version, why: str, override: Sequence[str] = ()) -> Entry:
    """Approve `version` for production; `override` names checks that it need not pass.

    The same approval again is the one that is there. Raises RefusedError where the acting user may not approve it,
    SettingsError without a reason.
    """
    if refusal := objection(store, settings, version, who()):
        raise RefusedError(refusal)
    for entry in audit.entries(store, version.model, APPROVE, number=version.number):
        if (entry.who, entry.why, overridden(entry)) == (who(), why.strip(), sorted(override)):
            return entry
    return audit.record(store, version.model, APPROVE, version.number, who(), why, override=sorted(override))


def approve_pinned(store: ObjectStore, version: Version) -> Entry:
    """Take a reviewed change in Git, which pins production to `version`, as its approval. Only who may roll out servers
    reads that pin: the account that does is who acts."""
    for entry in audit.entries(store, version.model, APPROVE, number=version.number):
        if entry.facts.get("pinned"):
            return entry
    why = f"production is pinned to {version.label} in Git"
    return audit.record(store, version.model, APPROVE, version.number, who(), why, override=[], pinned=True)


def approval(store: ObjectStore, settings: Settings, version: Version) -> Entry | None:
    """The newest approval of `version` that counts."""
    given = audit.entries(store, version.model, APPROVE, number=version.number)
    counting = [
        entry for entry in given if entry.facts.get("pinned") or not objection(store, settings, version, entry.who)
    ]
    return counting[-1] if counting else None


def overridden(entry: Entry) -> list[str]:
    """The checks that an approval sets aside."""
    return list(entry.facts.get("override", ()))


def objection(store: ObjectStore, settings: Settings, version: Version, person: str) -> str:
    """Why `person` may not approve `version`; empty if nothing speaks against it."""
    allowed = approvers(store, version)
    if allowed and not any(_is(person, name) for name in allowed):
        return f"{person} is none of those who approve {version.model}: {', '.join(allowed)}"
    if person == requester(store, version) and settings.self_approval != ALLOW:
        return (
            f"{version.label} was asked for by {person}, and nobody approves their own request; let somebody else run "
            f"posterity approve {version.label} (who works alone sets POSTERITY_SELF_APPROVAL={ALLOW})"
        )
    return ""


def approvers(store: ObjectStore, version: Version) -> tuple[str, ...]:
    """Who may approve `version`: whom the version in production names, so that no version chooses its own judges; where
    it names nobody, whom this one names. Empty: anybody."""
    number = aliases.current(store, version.model, "champion")
    champion = versions.get(store, f"{version.model}/{number}") if number else version
    return terms(champion).approvers or terms(version).approvers


def requester(store: ObjectStore, version: Version) -> str:
    """Who started the run that made `version`; where that is not recorded, who registered it; empty if neither is."""
    log = RunLog(store, version.run)
    asked = store.read(f"runs/{log.run}/run.json")
    if asked and (name := str(json.loads(asked[0]).get("who", ""))):
        return name
    registered = [move for move in aliases.history(store, version.model) if move.alias == "candidate"]
    return next((move.who for move in registered if move.number == version.number), "")


def acknowledge(store: ObjectStore, version: Version, why: str) -> Entry:
    """Write down that the drift of `version` is known and may go into production.

    Raises RefusedError where there is none, SettingsError without a reason.
    """
    if version.drift != "drift":
        raise RefusedError(f"the drift verdict of {version.label} is {version.drift}; there is nothing to acknowledge")
    moved, baseline = drifted(store, version)
    for entry in audit.entries(store, version.model, ACKNOWLEDGE, number=version.number):
        if (entry.who, entry.why) == (who(), why.strip()):
            return entry
    facts = {"drifted": moved, "baseline": baseline}
    return audit.record(store, version.model, ACKNOWLEDGE, version.number, who(), why, **facts)


def acknowledged(store: ObjectStore, version: Version) -> Entry | None:
    """The acknowledgement that covers the drift of `version`: of this version, or of one that drifted from the same
    baseline in at least the same quantities, since drift that is known goes on from run to run."""
    moved, baseline = drifted(store, version)
    covering = [
        entry
        for entry in audit.entries(store, version.model, ACKNOWLEDGE)
        if entry.number == version.number
        or (entry.facts["baseline"] == baseline and set(moved) <= set(entry.facts["drifted"]))
    ]
    return covering[-1] if covering else None


def drifted(store: ObjectStore, version: Version) -> tuple[list[str], str]:
    """The quantities of `version` that drifted, and the baseline that they drifted from."""
    facts = json.loads(version.references["drift"].fetch(store))
    findings = [item for item in facts.get("findings", ()) if item["drifted"]]
    return sorted(f"{item['group']} {item['label']}" for item in findings), str(facts.get("baseline"))


def _is(person: str, name: str) -> bool:
    """Whether an approver's name means this person: `ada@example.org` in full, `ada` on any machine."""
    return name in (person, person.partition("@")[0])
