"""What became of versions in staging: entries of the audit log."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from posterity.registry import audit
from posterity.registry.identity import who
from posterity.registry.versions import Version
from posterity.release.check import Check, summary
from posterity.store import ObjectStore

KIND = "staging"


@dataclass(frozen=True)
class Trial:
    """One try of a version in staging. run: of the pipeline; image: of the server, empty where none was rolled out."""

    run: str
    image: str
    when: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether something was looked at, and all of it was in order."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def summary(self) -> str:
        """The outcome in words."""
        return f"{summary(self.checks)} ({self.when[:16].replace('T', ' ')} UTC, run {self.run})"


def record(store: ObjectStore, version: Version, run: str, image: str, checks: Sequence[Check]) -> Trial:
    """Write down how `version` did in staging; a run that is repeated with the same outcome adds nothing."""
    before = latest(store, version)
    if before and (before.run, before.image, before.checks) == (run, image, tuple(checks)):
        return before
    facts = {"run": run, "image": image, "checks": [asdict(check) for check in checks]}
    entry = audit.record(store, version.model, KIND, version.number, who(), summary(checks), **facts)
    return _trial(entry)


def latest(store: ObjectStore, version: Version) -> Trial | None:
    """The newest trial of `version`, None where there was none."""
    entry = audit.last(store, version.model, KIND, number=version.number)
    return _trial(entry) if entry else None


def _trial(entry: audit.Entry) -> Trial:
    checks = tuple(Check(**item) for item in entry.facts["checks"])
    return Trial(entry.facts["run"], entry.facts["image"], entry.when, checks)
