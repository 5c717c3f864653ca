"""The checks of a model's assumptions: `measure operator number`, held against the figures of a run."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping

from posterity.errors import ModelError
from posterity.model.contract import Assumption

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM = re.compile(r"^\s*([\w.\- ]+?)\s*(<=|>=|<|>)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*$")


def parse_check(check: str) -> tuple[str, str, float]:
    """Measure, operator and number of a check. Raises ModelError naming a check of another form."""
    match = _FORM.match(check)
    if not match:
        raise ModelError(
            f"{check!r} is no check of an assumption; write: measure operator number, e.g. coverage_90 >= 0.8"
        )
    return match[1], match[2], float(match[3])


def failed_assumptions(assumptions: Iterable[Assumption], measures: Mapping[str, float]) -> list[Assumption]:
    """The assumptions whose check fails on the measures of a run; a check without its measure says nothing."""
    failed = []
    for assumption in assumptions:
        measure, comparison, number = parse_check(assumption.check)
        if measure in measures and not OPERATORS[comparison](measures[measure], number):
            failed.append(assumption)
    return failed
