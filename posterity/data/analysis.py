"""The data analysis of a table: distributions, missing values, association with the outcome, change since last time."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posterity.data.distribution import Distribution, describe, distance, kind_of
from posterity.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Association:
    """How an outcome goes with a column.

    strength: the share of the outcome's variance between the column's bins or categories, corrected for their number
    (ε², Kelley 1935); 0 none, 1 all. means: the outcome's mean per bin or category of the distribution (None: no row).
    """

    strength: float
    means: tuple[float | None, ...]


@dataclass(frozen=True)
class Change:
    """How a column differs from the previous table.

    moved: the share of rows that would have to change bin or category to give the present distribution (total
    variation distance); missing_before: share; new, gone: categories; before: the earlier counts over the same bins.
    """

    moved: float
    missing_before: float
    new: tuple[str, ...]
    gone: tuple[str, ...]
    before: tuple[int, ...]


@dataclass(frozen=True)
class ColumnFacts:
    """One column of the table; association and change are None where there is nothing to hold it against."""

    name: str
    dtype: str
    distribution: Distribution
    association: Association | None = None
    change: Change | None = None


@dataclass(frozen=True)
class Analysis:
    """All columns of a table of `rows` rows.

    rows_before is None without a previous table; added, removed: columns that it had not, or had.
    """

    rows: int
    columns: tuple[ColumnFacts, ...]
    outcome: str = ""
    rows_before: int | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The analysis as JSON values."""
        return asdict(self)


def analyse(
    table: "pd.DataFrame", previous: "pd.DataFrame | None" = None, outcome: str = "", trials: str = ""
) -> Analysis:
    """Describe every column of `table`, and hold it against the same column of `previous`.

    outcome names the column that the others are associated with: a number, or with `trials` (another column) a number
    of events, in which case their share is meant and rows count by their trials. Raises ModelError if it is not there.
    """
    target = _target(table, outcome, trials)
    columns = []
    for name in table.columns:
        now = table[name]
        before = previous[name] if previous is not None and name in previous else None
        distribution = describe(now, before)
        association = None if target is None or name in {outcome, trials} else associate(now, distribution, *target)
        change = None if before is None else compare(distribution, before)
        columns.append(ColumnFacts(str(name), str(now.dtype), distribution, association, change))
    if previous is None:
        return Analysis(len(table), tuple(columns), outcome)
    added = tuple(str(name) for name in table if name not in previous)
    removed = tuple(str(name) for name in previous if name not in table)
    return Analysis(len(table), tuple(columns), outcome, len(previous), added, removed)


def associate(column: "pd.Series", distribution: Distribution, outcome: Floats, weights: Floats) -> Association:
    """Variance of `outcome` (rows,) explained by the bins or categories of `column`; `weights` (rows,) count rows."""
    places = distribution.places(column)
    known = (places >= 0) & np.isfinite(outcome) & (weights > 0)
    place, value, weight = places[known], outcome[known], weights[known]
    size = len(distribution.labels)
    mass = np.bincount(place, weight, size)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(place, weight * value, size) / mass
    used, rows = int((mass > 0).sum()), len(value)
    shown = tuple(None if np.isnan(mean) else float(mean) for mean in means)
    total = float(np.sum(weight * (value - np.average(value, weights=weight)) ** 2)) if rows else 0.0
    if used < 2 or rows <= used or total == 0:
        return Association(0.0, shown)
    within = float(np.sum(weight * (value - means[place]) ** 2))
    return Association(max(0.0, 1 - within / (rows - used) / (total / (rows - 1))), shown)


def compare(distribution: Distribution, before: "pd.Series") -> Change:
    """Hold a column's distribution against what the column was before."""
    counts = distribution.count(before)
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    if distribution.kind == "category" and kind_of(before) == "category":
        known = {str(value) for value in before.dropna().unique()}
        new = tuple(sorted(set(distribution.levels) - known))
        gone = tuple(sorted(known - set(distribution.levels)))
    moved = distance((*distribution.counts, distribution.missing), (*counts, len(before) - sum(counts)))
    return Change(moved, float(before.isna().mean()) if len(before) else 0.0, new, gone, counts)


def _target(table: "pd.DataFrame", outcome: str, trials: str) -> tuple[Floats, Floats] | None:
    """The outcome per row and what each row counts."""
    if not outcome:
        return None
    if missing := [name for name in (outcome, trials) if name and name not in table]:
        raise ModelError(f"the outcome cannot be analysed: no column {', '.join(missing)}; there are {list(table)}")
    values = table[outcome].to_numpy(np.float64, na_value=np.nan)
    if not trials:
        return values, np.ones(len(values))
    weights = table[trials].to_numpy(np.float64, na_value=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return values / weights, weights
