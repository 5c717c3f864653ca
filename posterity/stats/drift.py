"""Drift of a posterior against a verified baseline: which test is valid depends on how the data are related.

same     the same data and model: the two differ by Monte Carlo error alone, z = Δm/√(MCSE₁² + MCSE₂²); any rejection
         is a fault, not drift (Holm)
nested   the new data contain the old: under the model the posterior mean is a martingale, Var(m_new − m_old) =
         s_old² − s_new², z = Δm/√(s_old² − s_new² + MCSE₁² + MCSE₂² + ε), where ε is the standard error of the
         estimated s_old² − s_new², without which small growth alarms by itself (docs/decisions/drift-small-growth.md)
rolling  the two overlap in part or not at all: z = Δm/√(s_old² + s_new²)

The last two alert where a change is significant (false-discovery rate controlled) and material. Two-sided tests that
look at autocorrelated draws as if they were independent (KS, PSI, Wasserstein) are not used: they alarm on two runs of
the same posterior.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from posterity.stats.multiplicity import benjamini_hochberg, holm, two_sided

Array = NDArray[np.floating]
Relation = Literal["same", "nested", "rolling"]
Verdict = Literal["stable", "warn", "drift", "no-baseline"]

LEVEL = 0.05
SIMULATIONS = 500
MATERIAL = 0.25  # of the baseline's standard deviation, where a quantity declares nothing
RUNGS: Mapping[str, str] = {
    "same": "same data and model (Monte Carlo error alone)",
    "nested": "nested data (martingale test)",
    "rolling": "data that are not nested (two independent posteriors)",
}


@dataclass(frozen=True)
class Summary:
    """The drift quantities of one posterior: columns of equal length, one entry per quantity.

    materiality: the smallest change worth an alert in the quantity's unit, NaN where none is declared.
    """

    groups: tuple[str, ...]
    labels: tuple[str, ...]
    units: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    mcse: tuple[float, ...]
    materiality: tuple[float | None, ...]

    @property
    def names(self) -> list[tuple[str, str]]:
        """(group, label) of each quantity."""
        return list(zip(self.groups, self.labels, strict=True))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Summary":
        return cls(**{name: tuple(values) for name, values in facts.items()})


@dataclass(frozen=True)
class Finding:
    """How one quantity changed. `threshold` is the adjusted p-value below which a change is significant."""

    group: str
    label: str
    unit: str
    before: float
    now: float
    change: float
    z: float
    p_adjusted: float
    threshold: float
    materiality: float
    significant: bool
    material: bool
    drifted: bool


@dataclass(frozen=True)
class DriftReport:
    """The verdict, the rung of the ladder it was reached on, and every quantity compared.

    false_alarm_rate: the share of runs on stable history that would have alarmed, see `false_alarms`.
    """

    verdict: Verdict
    rung: str
    findings: tuple[Finding, ...]
    summary: tuple[str, ...]
    false_alarm_rate: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "DriftReport":
        findings = tuple(Finding(**finding) for finding in facts["findings"])
        return cls(**{**facts, "findings": findings, "summary": tuple(facts["summary"])})


def no_baseline(how: str) -> DriftReport:
    """The report of a run that has nothing to be compared with; `how` says how to verify a baseline."""
    return DriftReport("no-baseline", "no baseline", (), (how,))


def structure(old: Summary, new: Summary) -> list[str]:
    """Rung 0: what keeps whole groups from being compared, in words: groups that came or went, units that changed."""
    units = dict(zip(old.names, old.units, strict=True))
    changed = {name[0] for name, unit in zip(new.names, new.units, strict=True) if units.get(name, unit) != unit}
    gone, added = set(old.groups) - set(new.groups), set(new.groups) - set(old.groups)
    notes = [(gone, "no longer there"), (added, "new"), (changed, "in another unit")]
    return [f"{', '.join(sorted(groups))}: {what}, so not compared" for groups, what in notes if groups]


def labels_changed(old: Summary, new: Summary) -> list[str]:
    """Labels that came or went within groups that both have, such as a carrier's first flight; no cause for alarm."""
    both = set(old.groups) & set(new.groups)
    gone, added = set(old.names) - set(new.names), set(new.names) - set(old.names)
    notes = [
        (sorted(f"{group} {label}" for group, label in names if group in both), what)
        for names, what in ((gone, "no longer there"), (added, "new"))
    ]
    return [f"{len(names)} {what}, e.g. {names[0]}" for names, what in notes if names]


def climb(
    old: Summary,
    new: Summary,
    relation: Relation,
    predictive: Sequence[str] = (),
    history: Sequence[Summary] = (),
) -> DriftReport:
    """Compare the quantities that both have, by the test that `relation` allows.

    predictive: sentences of the predictive rung (scores against the baseline, coverage, PIT) that speak for drift; they
    turn `stable` into `warn`. history: summaries of runs that are known to be stable, on which false alarms are
    counted; without any they are counted on simulated ones.
    """
    findings = _findings(old, new, relation)
    drifted = [finding for finding in findings if finding.drifted]
    significant = [finding for finding in findings if finding.significant and not finding.material]
    notes = [*structure(old, new), *predictive]
    summary = [_in_words(finding, relation) for finding in drifted[:5]]
    if drifted and relation == "same":
        summary.append("the same data and model gave another posterior: a fault in code or sampling, not drift")
    if significant:
        summary.append(f"{len(significant)} changes are significant but too small to matter")
    verdict: Verdict = "drift" if drifted else "warn" if notes else "stable"
    rate = false_alarms(history, old, new, relation)
    return DriftReport(verdict, RUNGS[relation], tuple(findings), (*summary, *notes, *labels_changed(old, new)), rate)


def false_alarms(history: Sequence[Summary], old: Summary, new: Summary, relation: Relation) -> float | None:
    """The share of stable runs in which at least one quantity would have drifted.

    Each of `history` but the first is compared with the first. With fewer than two, SIMULATIONS runs whose means move
    by as much as the model says, independently of each other, with the deviations and Monte Carlo errors of `old` and
    `new`. None where the two have no quantity in common.
    """
    if len(history) > 1:
        return float(np.mean([any(row.drifted for row in _findings(history[0], now, relation)) for now in history[1:]]))
    names, before, now, material = _aligned(old, new)
    if not names:
        return None
    deviation = np.sqrt(_variance(before, now, relation, exact=True))
    moved = np.random.default_rng(0).standard_normal((SIMULATIONS, len(names))) * deviation
    alarms = [_alarms(change, before, now, material, relation)[2].any() for change in moved]
    return float(np.mean(alarms))


def alarm(verdicts: Sequence[Verdict], drifts: int = 1, runs: int = 1) -> Literal["quiet", "warn", "alert"]:
    """What a series of verdicts (newest last) calls for: an alert where `drifts` of the last `runs` found drift and the
    newest is one of them, a warning where the newest is `warn` or a `drift` that does not suffice yet."""
    if not verdicts or verdicts[-1] not in ("warn", "drift"):
        return "quiet"
    found = list(verdicts[-runs:]).count("drift")
    return "alert" if verdicts[-1] == "drift" and found >= drifts else "warn"


def _findings(old: Summary, new: Summary, relation: Relation) -> list[Finding]:
    shared, before, now, material = _aligned(old, new)
    change = now["mean"] - before["mean"]
    z, p, drifted = _alarms(change, before, now, material, relation)
    units = dict(zip(new.names, new.units, strict=True))
    large = np.abs(change) > material if relation != "same" else np.ones(len(change), dtype=bool)
    rows = [
        Finding(
            group=group,
            label=label,
            unit=units[(group, label)],
            before=float(before["mean"][i]),
            now=float(now["mean"][i]),
            change=float(change[i]),
            z=float(z[i]),
            p_adjusted=float(p[i]),
            threshold=LEVEL,
            materiality=float(material[i]),
            significant=bool(p[i] < LEVEL),
            material=bool(large[i]),
            drifted=bool(drifted[i]),
        )
        for i, (group, label) in enumerate(shared)
    ]
    return sorted(rows, key=lambda row: (not row.drifted, -np.nan_to_num(abs(row.z), posinf=np.inf)))


def _alarms(
    change: Array, before: Mapping[str, Array], now: Mapping[str, Array], material: Array, relation: Relation
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """z, adjusted p-values, and which changes are drift."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(change == 0, 0.0, change / np.sqrt(_variance(before, now, relation)))
    p = (holm if relation == "same" else benjamini_hochberg)(two_sided(z))
    large = np.abs(change) > material if relation != "same" else np.ones(len(change), dtype=bool)
    return z, p, (p < LEVEL) & large


def _aligned(old: Summary, new: Summary) -> tuple[list[tuple[str, str]], dict[str, Array], dict[str, Array], Array]:
    """The quantities of both, in the same unit and one order: names, figures before, figures now, materiality."""
    there = {name: i for i, name in enumerate(old.names)}
    units = dict(zip(old.names, old.units, strict=True))
    shared = [name for name, unit in zip(new.names, new.units, strict=True) if units.get(name) == unit]
    position = {name: i for i, name in enumerate(new.names)}
    old_rows, new_rows = [there[name] for name in shared], [position[name] for name in shared]

    def take(summary: Summary, rows: list[int]) -> dict[str, Array]:
        return {name: np.array(getattr(summary, name), dtype=float)[rows] for name in ("mean", "sd", "mcse")}

    before = take(old, old_rows)
    declared = np.array([np.nan if new.materiality[i] is None else new.materiality[i] for i in new_rows], dtype=float)
    return shared, before, take(new, new_rows), np.where(np.isnan(declared), MATERIAL * before["sd"], declared)


def _variance(before: Mapping[str, Array], now: Mapping[str, Array], relation: Relation, exact: bool = False) -> Array:
    """The variance of a change of the mean if nothing drifted; `exact`: without the allowance for its own error."""
    monte_carlo = np.nan_to_num(np.square(before["mcse"])) + np.nan_to_num(np.square(now["mcse"]))
    old, new = np.square(before["sd"]), np.square(now["sd"])
    if relation == "same":
        return np.asarray(monte_carlo)
    if relation == "rolling":
        return np.asarray(old + new + monte_carlo)
    error = np.sqrt(2 * (_over_ess(before) + _over_ess(now)))
    learned = np.maximum(old - new, 0) + (0.0 if exact else error)
    # A posterior that got wider learned in no way the formula knows; s_old² bounds what it can have moved.
    return np.asarray(np.where(old - new < -2 * error, old, np.minimum(learned, old)) + monte_carlo)


def _over_ess(figures: Mapping[str, Array]) -> Array:
    """s⁴/ESS, half the sampling variance of s², with the ESS that sd and MCSE imply."""
    return np.asarray(np.square(figures["sd"] * np.nan_to_num(figures["mcse"])))


def _in_words(finding: Finding, relation: Relation) -> str:
    what = "differs beyond Monte Carlo error" if relation == "same" else "moved"
    return (
        f"{finding.group} {finding.label} {what} by {finding.change:+.3g} {finding.unit} "
        f"(z {finding.z:+.1f}, material from {finding.materiality:.2g})"
    )
