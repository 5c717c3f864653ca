"""Drift of input columns: significant by a test and material by an effect size, both asked for.

With hundreds of thousands of rows every test is significant, and rows that depend on each other make it more so; a
column has drifted only if its distribution, or its share of missing values, has moved far enough to matter as well.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.stats.multiplicity import benjamini_hochberg

Column = NDArray[Any]

LEVEL = 0.05
MATERIAL_NUMBERS = 0.1  # Wasserstein distance in standard deviations
MATERIAL_CATEGORIES = 0.1  # Jensen–Shannon distance, base 2
MATERIAL_MISSING = 0.05  # change of the share of missing values
LARGEST = 20_000  # values of a column that a test looks at
RARE = 10  # a category that was seen less often in both together counts among the rare ones
MOST_CATEGORIES = 100


@dataclass(frozen=True)
class InputDrift:
    """How one column changed.

    test: of the values, "none" where nothing can be compared; p and p_adjusted: of that test, NaN with "none";
    effect: Wasserstein distance in standard deviations of the reference (numbers) or Jensen–Shannon distance
    (categories), 0 to 1; missing: share of values that are missing, p_missing its adjusted p-value; new, vanished:
    categories that only one of the two has, the most frequent first.
    """

    column: str
    test: str
    statistic: float
    p: float
    p_adjusted: float
    effect: float
    missing_before: float
    missing_now: float
    p_missing: float
    new: tuple[str, ...]
    vanished: tuple[str, ...]
    drifted: bool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Compared:
    """What the values of one column say, before all columns are looked at together."""

    test: str = "none"
    statistic: float = float("nan")
    p: float = float("nan")
    effect: float = 0.0
    material: float = 0.0
    new: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()


def compare_columns(reference: Mapping[str, Column], current: Mapping[str, Column]) -> tuple[InputDrift, ...]:
    """Compare the columns that both have and that are not empty.

    Kolmogorov–Smirnov for numbers, chi-square for categories, and chi-square for missing values, with the
    false-discovery rate controlled over all of them (Benjamini and Hochberg 1995). Of dates only the missing ones are
    compared: time passes by itself.
    """
    names = [name for name in reference if name in current and len(reference[name]) and len(current[name])]
    pairs = [(_present(reference[name]), _present(current[name])) for name in names]
    values = [_compare(*pair) for pair in pairs]
    sizes = [(len(reference[name]), len(current[name])) for name in names]
    missing = [_missing_p(len(old), len(new), *size) for (old, new), size in zip(pairs, sizes, strict=True)]
    adjusted = benjamini_hochberg(np.array([*(value.p for value in values), *missing], dtype=float))
    rows = zip(names, values, pairs, sizes, adjusted[: len(names)], adjusted[len(names) :], strict=True)
    return tuple(_row(*row) for row in rows)


def _row(
    name: str, found: _Compared, pair: tuple[Column, Column], sizes: tuple[int, int], p: float, p_missing: float
) -> InputDrift:
    before, now = (1 - len(part) / size for part, size in zip(pair, sizes, strict=True))
    moved = p < LEVEL and found.effect >= found.material
    emptied = p_missing < LEVEL and abs(now - before) >= MATERIAL_MISSING
    return InputDrift(
        column=name,
        test=found.test,
        statistic=found.statistic,
        p=found.p,
        p_adjusted=float(p),
        effect=found.effect,
        missing_before=before,
        missing_now=now,
        p_missing=float(p_missing),
        new=found.new,
        vanished=found.vanished,
        drifted=bool(moved or emptied),
    )


def _compare(before: Column, now: Column) -> _Compared:
    if not len(before) or not len(now) or before.dtype.kind == "M" or now.dtype.kind == "M":
        return _Compared()
    if before.dtype.kind == "f" and now.dtype.kind == "f":
        return _numbers(before, now)
    return _categories(before, now)


def _numbers(before: Column, now: Column) -> _Compared:
    from scipy.stats import ks_2samp, wasserstein_distance

    spread = float(before.std()) or 1.0
    before, now = _sample(before), _sample(now)
    test = ks_2samp(before, now, method="asymp")
    effect = float(wasserstein_distance(before, now)) / spread
    return _Compared("Kolmogorov–Smirnov", float(test.statistic), float(test.pvalue), effect, MATERIAL_NUMBERS)


def _categories(before: Column, now: Column) -> _Compared:
    """Rare categories are taken together: their expected counts are too small for a chi-square test."""
    from scipy.stats import chi2_contingency

    old, new = Counter(map(str, before)), Counter(map(str, now))
    frequent = [name for name, count in (old + new).most_common(MOST_CATEGORIES) if count >= RARE]
    table = np.array([[*(counts[name] for name in frequent), 0] for counts in (old, new)], dtype=float)
    table[:, -1] = [len(before), len(now)] - table.sum(axis=1)
    table = table[:, table.sum(axis=0) > 0]
    test = chi2_contingency(table) if table.shape[1] > 1 else None
    return _Compared(
        "chi-square",
        float(test.statistic) if test else 0.0,
        float(test.pvalue) if test else 1.0,
        _jensen_shannon(*(row / row.sum() for row in table)),
        MATERIAL_CATEGORIES,
        tuple(name for name, _ in new.most_common() if name not in old),
        tuple(name for name, _ in old.most_common() if name not in new),
    )


def _jensen_shannon(first: Column, second: Column) -> float:
    """The distance, base 2: 0 for equal distributions, 1 for such as have no category in common."""
    from scipy.special import rel_entr

    middle = (first + second) / 2
    divergence = float(rel_entr(first, middle).sum() + rel_entr(second, middle).sum()) / 2
    return float(np.sqrt(max(divergence, 0.0) / np.log(2)))


def _missing_p(present_before: int, present_now: int, before: int, now: int) -> float:
    """Whether both have the same share of missing values."""
    from scipy.stats import chi2_contingency

    table = np.array([[present_before, before - present_before], [present_now, now - present_now]], dtype=float)
    return float(chi2_contingency(table).pvalue) if table.sum(axis=0).all() else 1.0


def _present(column: Column) -> Column:
    """The values that are not missing: numbers as float64, dates as they are, all else as objects."""
    if column.dtype.kind in "iuf":
        numbers = column.astype(float)
        return np.asarray(numbers[np.isfinite(numbers)])
    if column.dtype.kind == "M":
        return np.asarray(column[~np.isnat(column)])
    if column.dtype.kind == "m":
        return np.asarray(column[~np.isnat(column)].astype(float))
    kept = [value for value in column.tolist() if not _is_missing(value)]
    if kept and all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in kept):
        return _present(np.array(kept, dtype=float))
    if kept and all(hasattr(value, "utcoffset") or hasattr(value, "toordinal") for value in kept):
        return np.zeros(len(kept), dtype="datetime64[s]")
    return np.array([*kept, None], dtype=object)[:-1]


def _is_missing(value: object) -> bool:
    """None, NaN, NaT, and pandas' NA, which is not willing to be compared."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True


def _sample(values: Column) -> Column:
    """At most LARGEST values, evenly spaced in their order of size: the same distribution."""
    if len(values) <= LARGEST:
        return values
    return np.asarray(np.sort(values)[np.linspace(0, len(values) - 1, LARGEST).astype(int)])
