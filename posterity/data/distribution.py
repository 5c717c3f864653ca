"""The distribution of one column as counts over bins or categories."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "time", "category"]

BINS = 20
TOP = 20  # categories counted by name; the others are counted together
OTHERS = "(others)"


@dataclass(frozen=True)
class Distribution:
    """Counts of a column's values.

    edges (numbers and times, the latter in seconds since 1970): bin i is edges[i] ≤ x < edges[i + 1], values beyond
    the first and last edge count in the outermost bins; labels name the bins or categories; levels: all categories.
    mean, sd, low, median, high: of a number, None of anything else and where there is no value.
    """

    kind: Kind
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int
    distinct: int
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    median: float | None = None
    high: float | None = None

    def places(self, column: "pd.Series") -> NDArray[np.intp]:
        """The bin or category of each value, −1 where it is missing."""
        if self.kind == "category":
            named = {label: place for place, label in enumerate(self.labels)}
            others = named.get(OTHERS, -1)
            codes, values = column.factorize()
            table = np.array([*(named.get(str(value), others) for value in values), -1], dtype=np.intp)
            found: NDArray[np.intp] = table[codes]
            return found
        numbers = as_numbers(column)
        inner = np.asarray(self.edges[1:-1])
        return np.where(np.isnan(numbers), -1, np.searchsorted(inner, numbers, side="right"))

    def count(self, column: "pd.Series") -> tuple[int, ...]:
        """Counts of another column over the same bins or categories."""
        places = self.places(column)
        return tuple(int(n) for n in np.bincount(places[places >= 0], minlength=len(self.labels)))


def kind_of(column: "pd.Series") -> Kind:
    """What a column's values are."""
    from pandas.api import types

    if types.is_datetime64_any_dtype(column):
        return "time"
    return "number" if types.is_numeric_dtype(column) and not types.is_bool_dtype(column) else "category"


def as_numbers(column: "pd.Series") -> NDArray[np.float64]:
    """The values as float64: times in seconds since 1970; what is no number, and what is missing, as NaN."""
    import pandas as pd

    if kind_of(column) == "time":
        stamps = pd.DatetimeIndex(column).as_unit("us")
        return np.where(stamps.isna(), np.nan, stamps.asi8 / 1e6)
    values = pd.to_numeric(column, errors="coerce")
    return values.to_numpy(np.float64, na_value=np.nan)


def distance(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    """Total variation distance between two sets of counts over the same places, 0 to 1; 0 where one is empty."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    return float(np.abs(a / a.sum() - b / b.sum()).sum() / 2) if a.sum() and b.sum() else 0.0


def describe(column: "pd.Series", before: "pd.Series | None" = None) -> Distribution:
    """Count `column` over bins or categories that fit `before` too, where it is of the same kind."""
    import pandas as pd

    kind = kind_of(column)
    same = before is not None and kind_of(before) == kind
    both = pd.concat([column, before]) if same else column
    empty = _categories(column, both) if kind == "category" else _bins(column, both, kind)
    return replace(empty, counts=empty.count(column))


def _categories(column: "pd.Series", both: "pd.Series") -> Distribution:
    frequent = both.dropna().astype(str).value_counts()
    names = [str(name) for name in frequent.index[:TOP]] + ([OTHERS] if len(frequent) > TOP else [])
    levels = tuple(sorted({str(value) for value in column.dropna().unique()}))
    return Distribution("category", tuple(names), (), int(column.isna().sum()), len(levels), levels=levels)


def _bins(column: "pd.Series", both: "pd.Series", kind: Kind) -> Distribution:
    numbers, everything = as_numbers(column), as_numbers(both)
    finite, everything = numbers[np.isfinite(numbers)], everything[np.isfinite(everything)]
    values = np.unique(everything)
    few = kind == "number" and len(values) <= BINS
    edges = _around(values) if few else _even(everything)
    labels = tuple(f"{value:g}" for value in values) if few else _ranges(edges, kind)
    missing = int(np.isnan(numbers).sum())
    empty = Distribution(kind, labels, (), missing, int(column.nunique()), tuple(edges.tolist()))
    if kind == "time" or not len(finite):
        return empty
    low, median, high = (float(value) for value in np.quantile(finite, (0, 0.5, 1)))
    return replace(empty, mean=float(finite.mean()), sd=float(finite.std()), low=low, median=median, high=high)


def _around(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges that put each of a few values into a bin of its own; none for none."""
    if not len(values):
        return values
    middles = (values[1:] + values[:-1]) / 2
    return np.array([values[0], *middles, values[-1]])


def _even(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of equal bins over the central 98 %, so that a few far values do not squeeze the rest into one.

    Whole numbers get bins of a whole width, or some bins would hold more of them than others.
    """
    if not len(values):
        return values
    low, high = np.quantile(values, (0.01, 0.99))
    if low == high:
        low, high = values.min(), values.max()
    if (values == np.round(values)).all():
        width = np.ceil((high - low + 1) / BINS)
        low, count = float(np.floor(low)), int(np.ceil((high - low + 1) / width))
        return low + float(width) * np.arange(count + 1, dtype=np.float64)
    return np.linspace(low, high, BINS + 1)


def _ranges(edges: NDArray[np.float64], kind: Kind) -> tuple[str, ...]:
    """A label for each bin: where it begins."""
    starts = edges[:-1]
    if kind == "time":
        return tuple(np.datetime_as_string(starts.astype("datetime64[s]"), unit="m").tolist())
    return tuple(f"{start:.6g}" for start in starts)
