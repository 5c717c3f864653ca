"""One thing looked at on the way into production."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """name: what was looked at; text: what was found, in words."""

    name: str
    passed: bool
    text: str


def summary(checks: Sequence[Check]) -> str:
    """What did not pass, or that everything did."""
    failed = [f"{check.name}: {check.text}" for check in checks if not check.passed]
    return "; ".join(failed) or f"all {len(checks)} checks passed"
