"""Drift of input columns: significant by a test and material by an effect size, both asked for."""

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
LARGEST = 20_000  # values of a column that a test looks at


@dataclass(frozen=True)
class InputDrift:
    """How one column changed. effect: Wasserstein distance in standard deviations of the reference (numbers) or
    Jensen–Shannon distance (categories); missing: share of values that are missing."""

    column: str
    test: str
    statistic: float
    p: float
    p_adjusted: float
    effect: float
    missing_before: float
    missing_now: float
    new: tuple[str, ...]
    vanished: tuple[str, ...]
    drifted: bool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare_columns(reference: Mapping[str, Column], current: Mapping[str, Column]) -> tuple[InputDrift, ...]:
    """Compare the columns that both have: Kolmogorov–Smirnov for numbers, chi-square for categories, with the
    false-discovery rate controlled over the columns (Benjamini and Hochberg 1995)."""
    names = [name for name in reference if name in current and len(reference[name]) and len(current[name])]
    found = [_compare(name, reference[name], current[name]) for name in names]
    adjusted = benjamini_hochberg(np.array([item["p"] for item in found], dtype=float))
    return tuple(
        InputDrift(
            **{key: value for key, value in item.items() if key != "material"},
            p_adjusted=float(p),
            drifted=bool(p < LEVEL and item["effect"] >= item["material"]),
        )
        for item, p in zip(found, adjusted, strict=True)
    )


def _compare(name: str, reference: Column, current: Column) -> dict[str, Any]:
    before, now = _present(reference), _present(current)
    missing = {
        "missing_before": float(1 - len(before) / len(reference)),
        "missing_now": float(1 - len(now) / len(current)),
    }
    numbers = np.issubdtype(before.dtype, np.number) and np.issubdtype(now.dtype, np.number)
    if not len(before) or not len(now):
        facts = {"test": "none", "statistic": np.nan, "p": np.nan, "effect": 0.0, "new": (), "vanished": ()}
        return {"column": name, **missing, **facts, "material": 0.1}
    return {"column": name, **missing, **(_numbers(before, now) if numbers else _categories(before, now))}


def _numbers(before: Column, now: Column) -> dict[str, Any]:
    from scipy.stats import ks_2samp, wasserstein_distance

    spread = before.std() or 1.0
    before, now = _sample(before), _sample(now)
    test = ks_2samp(before, now, method="asymp")
    effect = wasserstein_distance(before, now) / spread
    facts = {"test": "Kolmogorov–Smirnov", "statistic": float(test.statistic), "p": float(test.pvalue)}
    return {**facts, "effect": float(effect), "new": (), "vanished": (), "material": MATERIAL_NUMBERS}


def _categories(before: Column, now: Column) -> dict[str, Any]:
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2_contingency

    before, now = before.astype(str), now.astype(str)
    names = np.union1d(before, now)
    table = np.stack([_count(names, before), _count(names, now)])
    test = chi2_contingency(table) if len(names) > 1 else None
    return {
        "test": "chi-square",
        "statistic": float(test.statistic) if test else 0.0,
        "p": float(test.pvalue) if test else 1.0,
        "effect": float(jensenshannon(table[0] / table[0].sum(), table[1] / table[1].sum(), base=2.0)),
        "new": tuple(map(str, np.setdiff1d(now, before))),
        "vanished": tuple(map(str, np.setdiff1d(before, now))),
        "material": MATERIAL_CATEGORIES,
    }


def _present(column: Column) -> Column:
    """The values that are not missing."""
    if np.issubdtype(column.dtype, np.number):
        return np.asarray(column[np.isfinite(column)])
    return np.array([value for value in column if value is not None and value == value], dtype=object).astype(str)


def _sample(values: Column) -> Column:
    """At most LARGEST values, evenly spaced in their order of size: the same distribution."""
    if len(values) <= LARGEST:
        return values
    return np.asarray(np.sort(values)[np.linspace(0, len(values) - 1, LARGEST).astype(int)])


def _count(names: Column, values: Column) -> NDArray[np.intp]:
    there, counts = np.unique(values, return_counts=True)
    table = np.zeros(len(names), dtype=np.intp)
    table[np.searchsorted(names, there)] = counts
    return table
