"""What has to hold before a version goes into production, and whether it may go."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from posterity.errors import NotFoundError, RefusedError
from posterity.model.contract import Limit
from posterity.registry import aliases, retirement, versions
from posterity.registry.audit import Entry
from posterity.registry.versions import Version
from posterity.release import approvals, pins, staging
from posterity.release.check import Check
from posterity.release.definition import changes, terms
from posterity.settings import Settings
from posterity.store import ObjectStore

How = Literal["refresh", "approval", "override"]
VERDICTS = {"better": "better than", "equal": "as good as", "worse": "worse than"}
SETTLED = ("withdrawal", "staging", "gate")  # nobody can set these aside: what is broken or no result serves nobody


@dataclass(frozen=True)
class Decision:
    """Whether `version` may replace `champion` in production.

    failed: checks that did not pass and were not set aside; waits: why it needs an approval that nobody has given yet,
    empty if it has one or needs none; how: what lets it through; who, why: for the audit log.
    """

    version: Version
    champion: Version | None
    checks: tuple[Check, ...]
    failed: tuple[Check, ...]
    waits: str
    how: How
    who: str
    why: str

    @property
    def allowed(self) -> bool:
        """Whether nothing is left to be done by anybody."""
        return not self.failed and not self.waits

    def refuse(self) -> None:
        """Raise RefusedError saying what is in the way, if anything is."""
        label = self.version.label
        if self.failed:
            reasons = "; ".join(f"{check.name}: {check.text}" for check in self.failed)
            can = [check.name for check in self.failed if check.name not in SETTLED]
            how = f'posterity approve {label} --override --reason "…"'
            further = f". An approver can set this aside: {how}" if len(can) == len(self.failed) else ""
            raise RefusedError(f"{label} does not go into production: {reasons}{further}")
        if self.waits:
            how = f'posterity approve {label} --reason "…"'
            raise RefusedError(f"{label} waits for an approval, because {self.waits}: {how}")


def decide(store: ObjectStore, settings: Settings, version: Version) -> Decision:
    """Look at everything, and at who has approved it. Raises CorruptError, UnavailableError."""
    champion = current_champion(store, version.model)
    checks = tuple(examine(store, version, champion))
    given = approvals.approval(store, settings, version)
    aside = approvals.overridden(given) if given else []
    failed = tuple(check for check in checks if not check.passed and (check.name in SETTLED or check.name not in aside))
    needed = needs_approval(store, version, champion)
    how, who, why = _grounds(champion, checks, given, needed)
    return Decision(version, champion, checks, failed, "" if given else needed, how, who, why)


def current_champion(store: ObjectStore, model: str) -> Version | None:
    """The version in production, None where there is none."""
    number = aliases.current(store, model, "champion")
    return versions.get(store, f"{model}/{number}") if number else None


def examine(store: ObjectStore, version: Version, champion: Version | None) -> Iterator[Check]:
    """Every check but that of the approval."""
    yield from _withdrawal(store, version)
    yield _staging(store, version)
    yield Check("gate", version.gate == "pass", f"the convergence gate says {version.gate}")
    yield from _scores(store, version)
    yield _drift(store, version)
    if champion:
        newer = version.as_of >= champion.as_of
        than = "is" if newer else "is not"
        yield Check("data", newer, f"as of {version.as_of}, which {than} as new as {champion.label} ({champion.as_of})")


def needs_approval(store: ObjectStore, version: Version, champion: Version | None) -> str:
    """Why a person has to approve `version`; empty for a refresh on new data of what is in production already."""
    if champion is None:
        return "no version of this model is in production yet"
    if "always" in (terms(version).approval, terms(champion).approval):
        return "the model wants every version approved"
    pinned = pins.current(store, version.model)
    known = [champion, *([versions.get(store, f"{version.model}/{pinned.number}")] if pinned else [])]
    differing = [changes(before, version) for before in known]
    return f"it is no mere refresh of {champion.label}: {'; '.join(differing[0])}" if all(differing) else ""


def _grounds(
    champion: Version | None, checks: tuple[Check, ...], given: Entry | None, needed: str
) -> tuple[How, str, str]:
    if given and approvals.overridden(given):
        return "override", given.who, given.why
    if given and (needed or not all(check.passed for check in checks)):
        return "approval", given.who, given.why
    of = f" of {champion.label}" if champion else ""
    return "refresh", "", f"refresh{of} on new data: code, settings and image are the same, and every check passed"


def _withdrawal(store: ObjectStore, version: Version) -> Iterator[Check]:
    if entry := retirement.retired(store, version.model).get(version.number):
        yield Check("withdrawal", False, f"it was withdrawn on {entry.when[:10]} by {entry.who} ({entry.why})")


def _staging(store: ObjectStore, version: Version) -> Check:
    last = staging.latest(store, version)
    if last is None:
        return Check("staging", False, f"it was not tried; run posterity promote {version.label} staging")
    return Check("staging", last.passed, last.summary)


def _scores(store: ObjectStore, version: Version) -> Iterator[Check]:
    """The limits, and the comparison with the champion, as the last product of the same code and settings met them."""
    scores = json.loads(version.references["scores"].fetch(store))
    scored = _scored(store, scores)
    if scored is None:
        yield Check("limits", True, "no product of this model has been scored yet")
        return
    if other := [item for item in changes(scored, version) if not item.startswith(("image", "packages"))]:
        yield Check("limits", True, f"not known: {scored.label}, which was scored last, had another {'; '.join(other)}")
        return
    yield _limits(version, scored, scores)
    for row in scores["comparisons"]:
        if row["rival"].startswith("champion"):
            how = f"{row['metric']} {row['difference']:+.3g} ± {row['standard_error']:.2g}"
            text = f"{scored.label} was {VERDICTS[row['verdict']]} {row['rival']} ({how})"
            yield Check("champion", row["verdict"] != "worse", text)


def _limits(version: Version, scored: Version, scores: Mapping[str, Any]) -> Check:
    declared = {item["name"]: Limit(**item["limit"]) for item in version.about.get("metrics", [])}
    broken = [
        f"{name} {value:.4g}"
        for name, value in scores["metrics"].items()
        if name in declared and not declared[name].holds(value)
    ]
    if broken or scores["verdict"] == "fail":
        return Check("limits", False, f"{scored.label} broke the declared limits: {', '.join(broken)}")
    return Check("limits", True, f"{scored.label} kept the declared limits")


def _scored(store: ObjectStore, scores: Mapping[str, Any]) -> Version | None:
    """The version that was scored; None where none was, or its record is gone."""
    try:
        return versions.get(store, scores["version"]) if scores["version"] else None
    except NotFoundError:
        return None


def _drift(store: ObjectStore, version: Version) -> Check:
    if version.drift != "drift":
        return Check("drift", True, f"drift against the baseline: {version.drift}")
    entry = approvals.acknowledged(store, version)
    if entry:
        return Check("drift", True, f"acknowledged by {entry.who} on {entry.when[:10]}: {entry.why}")
    moved = approvals.drifted(store, version)[0]
    some = ", ".join(moved[:3]) + (f" and {len(moved) - 3} more" if len(moved) > 3 else "")
    how = f'posterity acknowledge {version.label} --reason "…"'
    return Check("drift", False, f"{some or 'the posterior'} drifted, and nobody has acknowledged it: {how}")
