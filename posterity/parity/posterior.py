"""Two posteriors that have to be equal within Monte Carlo error."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posterity.data.posterior import Posterior
from posterity.parity.moments import adjusted, limit, moments, z_values
from posterity.parity.report import Finding, Scores, StageParity, missing, verdict_of
from posterity.parity.sides import Array, Moments

Places = NDArray[np.intp]

RHAT = 1.1
"""Split R-hat above which the chains of one side disagree, so that their MCSE says nothing."""

FEW = 400
SCALARS = "scalars"


def compare_posteriors(
    legacy: Posterior | Moments, pipeline: Posterior, level: float, parameters: Mapping[str, str]
) -> StageParity:
    """Compare mean and standard deviation of every element of the parameters that both have, by MCSE z.

    parameters: name in the legacy run → name in the pipeline. Elements are matched by their labels. Single
    parameters form one family of tests, the elements of each other parameter a family of their own. Draws that
    occur twice and chains that disagree are findings of their own.
    """
    findings: list[Finding] = []
    legacy = _renamed(legacy, parameters)
    names = set(legacy.values) if isinstance(legacy, Posterior) else set(legacy.parameters)
    shared = [name for name in pipeline.values if name in names]
    left_out = [(name, "only the legacy run has it") for name in sorted(names - set(shared))]
    left_out += [(name, "only the pipeline has it") for name in pipeline.values if name not in names]
    if not shared:
        return replace(missing("posterior", "they have no parameter of the same name"), left_out=tuple(left_out))
    for owner, side in (("legacy run", legacy), ("pipeline", pipeline)):
        if isinstance(side, Posterior):
            findings += _repeated(side, shared, owner)
            findings += _disagreeing(side, shared, owner)
    left = moments(legacy, shared) if isinstance(legacy, Posterior) else legacy
    right = moments(pipeline, shared)
    left, placed = _by_place(left, right)
    left, right, alone = match(left, right)
    left_out += [(label, f"only the {owner} has it") for label, owner in alone]
    tested, scores, unknown = _test(left, right, level)
    left_out += unknown
    findings += sorted(tested, key=lambda finding: -abs(finding.z or 0))
    count = sum(len(item.z) for item in scores)
    notes = [f"{owner}: {_extent(side)}" for owner, side in (("legacy run", legacy), ("pipeline", pipeline))]
    notes += [f"{name}: elements are matched by place, since only one run names them" for name in placed]
    notes += [note for owner, side in (("legacy run", left), ("pipeline", right)) for note in _short(side, owner)]
    return StageParity(
        "posterior",
        verdict_of(findings) if count or findings else "not compared",
        "monte carlo",
        count,
        tuple(findings),
        tuple(left_out),
        tuple(notes),
        tuple(scores),
    )


def _short(side: Moments, owner: str) -> Iterator[str]:
    """A warning where there are too few effective draws to know the MCSE well.

    Simulated with autoregressive chains, false alarms are as rare as promised from an ESS of some 500 on; at 125 a
    skewed quantity is beyond 4 standard errors a hundred times too often.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = np.square(side.sd / side.mcse_mean)
    few = np.flatnonzero(sizes < FEW)
    if len(few):
        worst = int(few[np.argmin(sizes[few])])
        yield (
            f"{owner}: {len(few):,} quantities have an ESS below {FEW} ({side.labels[worst]}: {sizes[worst]:.0f}), so "
            "that their MCSE are uncertain; findings near the limit may be chance"
        )


def _extent(side: Posterior | Moments) -> str:
    return f"{side.shape[0]} chains × {side.shape[1]:,} draws" if isinstance(side, Posterior) else "a summary"


def _renamed(legacy: Posterior | Moments, parameters: Mapping[str, str]) -> Posterior | Moments:
    if isinstance(legacy, Moments):
        pairs = [(name, parameters.get(name, name)) for name in legacy.parameters]
        labels = [to + label[len(name) :] for (name, to), label in zip(pairs, legacy.labels, strict=True)]
        return replace(legacy, parameters=tuple(to for _, to in pairs), labels=tuple(labels))
    values = {parameters.get(name, name): value for name, value in legacy.values.items()}
    dims = {parameters.get(name, name): axes for name, axes in legacy.dims.items()}
    return replace(legacy, values=values, dims=dims)


def _by_place(left: Moments, right: Moments) -> tuple[Moments, list[str]]:
    """`left` with the labels of `right` for parameters of which one side numbers its elements, and their names."""
    labels, placed = np.array(left.labels, dtype=object), []
    for name in dict.fromkeys(right.parameters):
        here, there = (np.flatnonzero(np.array(side.parameters) == name) for side in (left, right))
        own, other = [labels[i] for i in here], [right.labels[i] for i in there]
        if len(own) == len(other) and not set(own) & set(other) and (_numbered(own) or _numbered(other)):
            labels[here] = other
            placed.append(name)
    return replace(left, labels=tuple(labels)), placed


def _numbered(labels: list[str]) -> bool:
    return all(re.fullmatch(r"[^\[]+\[\d+(, \d+)*\]", label) for label in labels)


def match(left: Moments, right: Moments) -> tuple[Moments, Moments, list[tuple[str, str]]]:
    """Both with the same elements in the order of `right`, and (label, owner) of those that only one side has."""
    index = {label: i for i, label in enumerate(left.labels)}
    known = set(right.labels)
    shared = {name for name in right.parameters if name in set(left.parameters)}
    alone = [
        (label, "legacy run")
        for name, label in zip(left.parameters, left.labels, strict=True)
        if label not in known and name in shared
    ]
    alone += [(label, "pipeline") for label in right.labels if label not in index]
    there = [i for i, label in enumerate(right.labels) if label in index]
    return _take(left, [index[right.labels[i]] for i in there]), _take(right, there), alone


def _take(side: Moments, at: list[int]) -> Moments:
    return Moments(
        tuple(side.parameters[i] for i in at),
        tuple(side.labels[i] for i in at),
        *(array[at] for array in (side.mean, side.sd, side.mcse_mean, side.mcse_sd)),
    )


def _test(left: Moments, right: Moments, level: float) -> tuple[list[Finding], list[Scores], list[tuple[str, str]]]:
    """Findings, z values of every family of tests, and what could not be tested."""
    families = _families(right)
    tests = [(statistic, name, at) for statistic in ("mean", "sd") for name, at in families.items()]
    findings: list[Finding] = []
    scores: list[Scores] = []
    unknown: list[tuple[str, str]] = []
    for statistic, name, at in tests:
        values = [getattr(side, statistic)[at] for side in (left, right)]
        z = z_values(*values, *(getattr(side, f"mcse_{statistic}")[at] for side in (left, right)))
        known = np.isfinite(z)
        if not known.all():
            unknown.append((f"{name} ({statistic})", "the legacy run has no value or no MCSE of it"))
        if known.any():
            scores.append(
                Scores(f"{name} ({statistic})", tuple(z[known].tolist()), limit(int(known.sum()), len(tests), level))
            )
        p = adjusted(z, len(tests))
        for i in np.flatnonzero(p < level):
            before, now = (f"{value[i]:.6g}" for value in values)
            findings.append(Finding(right.labels[at[i]], statistic, before, now, z=float(z[i]), p=float(p[i])))
    return findings, scores, unknown


def _families(side: Moments) -> dict[str, Places]:
    """Family → positions of its elements: one per parameter, and one of all parameters with a single element."""
    names = np.array(side.parameters)
    found = {str(name): np.flatnonzero(names == name) for name in dict.fromkeys(side.parameters)}
    single = [at for at in found.values() if len(at) == 1]
    several = {name: at for name, at in found.items() if len(at) > 1}
    return {**({SCALARS: np.concatenate(single)} if single else {}), **several}


def _repeated(side: Posterior, names: list[str], owner: str) -> Iterator[Finding]:
    """Draws that come again later or in another chain: a chain was copied or thinned wrongly.

    A rejected proposal repeats the draw before it and is no finding; never does a sampler of continuous parameters
    come back to the same numbers.
    """
    chains, draws = side.shape
    rows = np.concatenate([side.values[name].reshape(chains * draws, -1)[:, :2] for name in names], axis=1)
    varying = np.ascontiguousarray(rows[:, np.ptp(rows, axis=0) > 0][:, :8])
    if not varying.shape[1] or (varying == np.round(varying)).all():
        return
    _, code = np.unique(varying, axis=0, return_inverse=True)
    code = code.reshape(chains, draws)
    starts = np.ones((chains, draws), dtype=bool)
    starts[:, 1:] = code[:, 1:] != code[:, :-1]
    again = int(starts.sum() - len(np.unique(code)))
    if again:
        copies = [f"chain {j} = chain {i}" for i in range(chains) for j in range(i + 1, chains) if _same(code, i, j)]
        counts = [f"{len(np.unique(code)):,} different draws", f"{chains * draws:,} draws"]
        text = f"{again:,} draws occur again: {counts[0]} in {counts[1]}"
        yield Finding(f"draws of the {owner}", text, first=", ".join(copies))


def _same(code: Places, i: int, j: int) -> bool:
    return bool((code[i] == code[j]).all())


def _disagreeing(side: Posterior, names: list[str], owner: str) -> Iterator[Finding]:
    """Chains whose split R-hat is beyond `RHAT`: they have not converged, or warm-up was kept."""
    worst, where = 0.0, ""
    for name in names:
        values = side.values[name]
        rhat = split_rhat(values.reshape(*values.shape[:2], -1))
        if rhat.size and np.nanmax(rhat, initial=0.0) > worst:
            worst, where = float(np.nanmax(rhat)), name
    if worst > RHAT:
        yield Finding(f"chains of the {owner}", f"they disagree in {where}: split R-hat {worst:.3f} is above {RHAT}")


def split_rhat(values: Array) -> Array:
    """Rank-normalised split R-hat of (chains, draws, n), shape (n,); NaN for constants.

    Without the folded one, which is about scales (Vehtari et al. 2021, section 4.1). Ranks, or the start of a chain
    far away would inflate the variance within chains and hide itself.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    half = values.shape[1] // 2
    if half < 2:
        return np.full(values.shape[2], np.nan)
    split = np.concatenate([values[:, :half], values[:, -half:]])
    ranks = rankdata(split.reshape(-1, split.shape[2]), axis=0)
    split = ndtri((ranks - 0.375) / (len(ranks) + 0.25)).reshape(split.shape)
    within = split.var(axis=1, ddof=1).mean(axis=0)
    between = split.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((half - 1) / half + np.where(within > 0, between / within, np.nan)))
