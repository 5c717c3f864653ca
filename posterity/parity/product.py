"""Two final tables that have to be equal within Monte Carlo error.

`predictions` compares what the draws say of each row, mean and sd; `table` compares what was made of it: which rows
there are, their keys and exposures, and the quantiles. So a wrong prediction and a wrong summary are told apart.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posterity.data.product import column
from posterity.parity.moments import adjusted, limit, rounding, z_values
from posterity.parity.report import Finding, Scores, StageParity, missing, verdict_of
from posterity.parity.sides import Array
from posterity.parity.tables import align, compare_tables, describe

if TYPE_CHECKING:
    import pandas as pd

MEAN = "mean over all rows"
ASSUMED_ESS = 400.0
"""Effective sample size that a legacy table is taken to have if nothing is known: what our own gate asks for."""


@dataclass(frozen=True)
class Pair:
    """The rows that both tables have, in the same order, and what is needed to judge them.

    keys: of the product; exposures: quantity → column of its trials or None; ess: of the legacy run's predictions,
    where its table has no MCSE of its own.
    """

    legacy: "pd.DataFrame"
    pipeline: "pd.DataFrame"
    keys: tuple[str, ...]
    exposures: Mapping[str, str | None]
    ess: float


def pair(
    legacy: "pd.DataFrame",
    pipeline: "pd.DataFrame",
    keys: Sequence[str],
    exposures: Mapping[str, str | None],
    ess: float,
) -> Pair | str:
    """Match the rows of both tables; a string says why that cannot be done.

    Columns named `mean`, `sd`, `mcse` or `q05` alone belong to the quantity where there is only one.
    """
    if absent := [key for key in keys if key not in legacy.columns]:
        return f"the legacy table has no column {absent[0]!r}; it has {', '.join(map(str, legacy.columns))}"
    if len(exposures) == 1:
        quantity = next(iter(exposures))
        bare = [name for name in legacy.columns if re.fullmatch(r"mean|sd|mcse|q\d\d", str(name))]
        legacy = legacy.rename(columns={name: f"{quantity}_{name}" for name in bare})
    rows_left, rows_right, _, _ = align(legacy[list(keys)], pipeline[list(keys)], keys)
    if not len(rows_left):
        return f"no row of the two tables has the same {', '.join(keys)}"
    return Pair(legacy.iloc[rows_left], pipeline.iloc[rows_right], tuple(keys), exposures, ess)


@dataclass(frozen=True)
class Statistic:
    """One column of both tables, arrays of shape (rows,).

    scale: the spread of each row, to average rows of different spread; error: standard error of legacy − pipeline;
    step: how far two right answers may be apart because the value comes in steps.
    """

    name: str
    legacy: Array
    pipeline: Array
    scale: Array
    error: Array
    step: Array

    @property
    def z(self) -> Array:
        """z of every row; a step is subtracted from the difference."""
        difference = self.legacy - self.pipeline
        beyond = np.sign(difference) * np.maximum(np.abs(difference) - self.step, 0)
        return z_values(beyond, np.zeros_like(beyond), self.error, np.zeros_like(beyond))

    @property
    def pooled_z(self) -> float:
        """z of the mean difference over all rows, NaN where there is none.

        Rows share the draws, so their errors are taken to be the same error: the mean's is the mean of theirs. Steps
        average out but for their rounding, half a step; rows with large ones have little weight.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            difference, error, step = (
                part / self.scale for part in (self.legacy - self.pipeline, self.error, self.step)
            )
        known = np.isfinite(difference) & np.isfinite(error) & np.isfinite(step) & (error > 0)
        if not known.any():
            return float("nan")
        weights = 1 / (np.square(error[known]) + np.square(step[known]))
        mean, spread, half = (float(np.average(part[known], weights=weights)) for part in (difference, error, step / 2))
        return float(np.sign(mean) * max(abs(mean) - half, 0) / spread)


def compare_predictions(rows: Pair, level: float) -> StageParity:
    """Mean and sd of every quantity by z, of each row and of the mean over all rows.

    The error of a mean is its MCSE, from the table itself or sd/√ESS. The error of an sd is taken to be as large as
    that of the mean: for independent normal draws it is √2 smaller, which leaves room for heavier tails and for
    squares that mix more slowly than the draws.
    """
    tests = []
    for quantity in rows.exposures:
        error = np.hypot(*_errors(rows, quantity))
        names = [column(quantity, statistic) for statistic in ("mean", "sd")]
        tests += [_statistic(rows, quantity, name, error) for name in names if _both_have(rows, name)]
    return _judge("predictions", rows, tests, level)


def compare_final(rows: Pair, legacy: "pd.DataFrame", pipeline: "pd.DataFrame", level: float) -> StageParity:
    """Rows, keys and exposures exactly; quantiles by z, of each row and of the mean over all rows.

    The error of the quantile at level α is √(α(1 − α)/ESS)/f, where f is the density there, from a normal
    distribution through the neighbouring quantiles. Shares of n trials come in steps of 1/n, and two right answers
    may be a step apart.
    """
    exact = list(dict.fromkeys([*rows.keys, *(name for name in rows.exposures.values() if name)]))
    known = [name for name in exact if name in legacy.columns]
    integers = [name for name in known if name not in rows.keys]
    found = compare_tables("table", legacy[known], pipeline[known], rows.keys, dtypes=integers)
    tests = []
    for quantity in rows.exposures:
        levels = [level for level in _levels(rows.pipeline, quantity) if _both_have(rows, column(quantity, level))]
        tests += [_quantile(rows, quantity, level, levels) for level in levels]
    judged = _judge("table", rows, tests, level)
    findings = (*found.findings, *judged.findings)
    left_out = [(name, "the legacy table does not have it") for name in exact if name not in known]
    expected = {*known, *rows.pipeline.columns}
    left_out += [(str(name), "the product does not have it") for name in rows.legacy.columns if name not in expected]
    return StageParity(
        "table",
        verdict_of(findings),
        "monte carlo",
        found.compared + judged.compared,
        findings,
        (*left_out, *judged.left_out),
        scores=judged.scores,
    )


def _both_have(rows: Pair, name: str) -> bool:
    return name in rows.legacy.columns and name in rows.pipeline.columns


def _errors(rows: Pair, quantity: str) -> tuple[Array, Array]:
    """The MCSE of the mean of each row: the table's own, else sd/√ESS with the pipeline's sd if need be."""
    spread, own = column(quantity, "sd"), column(quantity, "mcse")
    found = []
    for side in (rows.legacy, rows.pipeline):
        if own in side.columns:
            found.append(side[own].to_numpy(float))
        else:
            sd = (side if spread in side.columns else rows.pipeline)[spread].to_numpy(float)
            found.append(sd / np.sqrt(rows.ess))
    return found[0], found[1]


def _statistic(rows: Pair, quantity: str, name: str, error: Array, step: Array | None = None) -> Statistic:
    left, right = (side[name].to_numpy(float) for side in (rows.legacy, rows.pipeline))
    scale = rows.pipeline[column(quantity, "sd")].to_numpy(float)
    return Statistic(
        name, left, right, scale, np.hypot(error, rounding(left)), np.zeros(len(left)) if step is None else step
    )


def _levels(frame: "pd.DataFrame", quantity: str) -> list[float]:
    pattern = re.compile(re.escape(quantity) + r"_q(\d\d)")
    return sorted(int(match[1]) / 100 for name in frame.columns if (match := pattern.fullmatch(str(name))))


def _quantile(rows: Pair, quantity: str, level: float, levels: Sequence[float]) -> Statistic:
    from scipy.special import ndtri

    density = np.exp(-0.5 * ndtri(level) ** 2) / np.sqrt(2 * np.pi)
    spread = rows.pipeline[column(quantity, "sd")].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(spread > 0, np.hypot(*_errors(rows, quantity)) / spread, 0.0)  # 1/√ESS of both
    error = relative * np.sqrt(level * (1 - level)) / density * _slope(rows.pipeline, quantity, level, levels)
    return _statistic(rows, quantity, column(quantity, level), error, _step(rows, quantity))


def _slope(frame: "pd.DataFrame", quantity: str, level: float, levels: Sequence[float]) -> Array:
    """The local standard deviation at a quantile: its change per change of the normal score; at least half the sd."""
    from scipy.special import ndtri

    at = list(levels).index(level)
    low, high = levels[max(at - 1, 0)], levels[min(at + 1, len(levels) - 1)]
    sd = frame[column(quantity, "sd")].to_numpy(float)
    if low == high:
        return sd
    width = frame[column(quantity, high)].to_numpy(float) - frame[column(quantity, low)].to_numpy(float)
    slope: Array = np.maximum(width / (ndtri(high) - ndtri(low)), sd / 2)
    return slope


def _step(rows: Pair, quantity: str) -> Array:
    """The distance between neighbouring shares, 1/trials; 0 for a continuous quantity."""
    exposure = rows.exposures[quantity]
    if not exposure:
        return np.zeros(len(rows.pipeline))
    trials = rows.pipeline[exposure].to_numpy(float)
    return np.where(trials > 0, 1 / np.maximum(trials, 1), 0.0)


def _judge(stage: str, rows: Pair, tests: Sequence[Statistic], level: float) -> StageParity:
    """Findings of one family of tests per statistic, each with a test per row, and one family of their means."""
    if not tests:
        return missing(stage, "the legacy table has no statistic that the product has")
    families = len(tests) + 1
    findings, scores = _pooled(tests, families, level)
    left_out: list[tuple[str, str]] = []
    for test in tests:
        z = test.z
        known = np.isfinite(z)
        if not known.all():
            left_out.append((test.name, f"{int((~known).sum()):,} rows have no value or no MCSE"))
        scores.append(Scores(test.name, tuple(z[known].tolist()), limit(int(known.sum()), families, level)))
        p = adjusted(z, families)
        if len(found := np.flatnonzero(p < level)):
            worst = int(found[np.argmax(np.abs(z[found]))])
            before, now = (f"{side[worst]:.6g}" for side in (test.legacy, test.pipeline))
            where = describe(rows.pipeline, worst, rows.keys)
            findings.append(
                Finding(test.name, "values", before, now, len(found), float(z[worst]), float(p[worst]), where)
            )
    findings.sort(key=lambda finding: -abs(finding.z or 0))
    count = sum(len(item.z) for item in scores)
    return StageParity(
        stage, verdict_of(findings), "monte carlo", count, tuple(findings), tuple(left_out), scores=tuple(scores)
    )


def _pooled(tests: Sequence[Statistic], families: int, level: float) -> tuple[list[Finding], list[Scores]]:
    """Findings and z values of the means over all rows."""
    z = np.array([test.pooled_z for test in tests])
    known = np.isfinite(z)
    p = adjusted(z, families)
    findings = [
        Finding(test.name, f"{MEAN} of the difference", z=float(z[i]), p=float(p[i]))
        for i, test in enumerate(tests)
        if p[i] < level
    ]
    scores = [Scores(MEAN, tuple(z[known].tolist()), limit(int(known.sum()), families, level))] if known.any() else []
    return findings, scores
