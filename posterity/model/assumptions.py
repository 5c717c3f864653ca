"""The checks of a model's assumptions: `measure operator number`, held against the figures of a run."""

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping

from posterity.errors import ModelError
from posterity.model.contract import Assumption

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FORM = re.compile(rf"\s*([^<>=\s](?:[^<>=]*[^<>=\s])?)\s*(<=|>=|<|>)\s*({_NUMBER})\s*")


def parse_check(check: str) -> tuple[str, str, float]:
    """Measure, operator and number of a check. Raises ModelError naming a check of another form."""
    match = _FORM.fullmatch(check)
    if not match:
        raise ModelError(
            f"{check!r} is no check of an assumption; write: measure operator number, e.g. coverage_90 >= 0.8"
        )
    return match[1], match[2], float(match[3])


def holds(check: str, measures: Mapping[str, float]) -> bool | None:
    """Whether a check holds; None where its measure is not among `measures`. NaN holds nothing.

    Raises ModelError on a check of another form, also where its measure is not there.
    """
    measure, comparison, number = parse_check(check)
    return OPERATORS[comparison](measures[measure], number) if measure in measures else None


def failed_assumptions(assumptions: Iterable[Assumption], measures: Mapping[str, float]) -> list[Assumption]:
    """The assumptions whose check fails on the measures of a run; a check without its measure says nothing.

    Raises ModelError on a check that cannot be read.
    """
    return [assumption for assumption in assumptions if holds(assumption.check, measures) is False]


def to_inspect(assumptions: Iterable[Assumption], measures: Mapping[str, float], moved: Collection[str]) -> list[str]:
    """In words: the assumptions whose check fails, then those whose check is about one of the measures `moved`.

    Raises ModelError on a check that cannot be read.
    """
    failed, watching = [], []
    for assumption in assumptions:
        measure = parse_check(assumption.check)[0]
        if holds(assumption.check, measures) is False:
            failed.append(_in_words(assumption, f"fails: it is {measures[measure]:.3g}"))
        elif measure in moved:
            watching.append(_in_words(assumption, "is about what moved"))
    return failed + watching


def _in_words(assumption: Assumption, verdict: str) -> str:
    said = f"{assumption.name}: {assumption.text.rstrip('.')}. Its check `{assumption.check}` {verdict}."
    return f"{said} {assumption.inspect}".rstrip()
