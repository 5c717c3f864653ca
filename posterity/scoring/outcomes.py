"""Outcomes that servers were told, beside those in the data."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from posterity.model.contract import Model
from posterity.reported import Reported

SHOWN = 5  # comments in a report


def with_reported(
    model: Model, actuals: pd.DataFrame, reported: Sequence[Mapping[str, Any]]
) -> tuple[pd.DataFrame, int]:
    """`actuals` with the outcomes reported for keys that it does not have, and how many these are.

    The data are the record; what was reported only fills their gaps.
    """
    if not reported:
        return actuals, 0
    keys = list(model.keys)
    columns = [*keys, *(quantity.name for quantity in model.quantities)]
    columns += [quantity.exposure for quantity in model.quantities if quantity.exposure]
    told = pd.DataFrame(list(reported))[list(dict.fromkeys(columns))]
    if actuals.empty:
        return told, len(told)
    known = set(actuals[keys].itertuples(index=False, name=None))
    new = told[[key not in known for key in told[keys].itertuples(index=False, name=None)]]
    return pd.concat([actuals, new], ignore_index=True), len(new)


def in_words(label: str, reported: Reported, used: int) -> list[str]:
    """What the report of a run says of it."""
    notes = []
    if reported.actuals:
        rest = (
            f"; for the other {len(reported.actuals) - used} the data are the record"
            if used < len(reported.actuals)
            else ""
        )
        notes.append(f"{len(reported.actuals)} outcomes were reported to servers, and {used} of them are scored{rest}.")
    if reported.ratings:
        said = ", ".join(f"{rating} {count}" for rating, count in sorted(reported.ratings.items()))
        notes.append(f"People said of predictions of {label}: {said}.")
    notes += [f"A comment on {label}, {comment}" for comment in reported.comments[-SHOWN:]]
    return notes
