"""The convergence gate: may these draws be published?

Published quantities are judged first; parameters that nobody sees only give warnings. Divergences and E-BFMI are about
the sampler as a whole and count always.

fail     the sampler is at fault (divergences, E-BFMI), chains disagree by more than their own autocorrelation explains,
         or chains hardly moved: further chains would not help
extend   all chains seem to sample one distribution, but there are too few draws of it
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from posterity.errors import ModelError
from posterity.stats.convergence import Convergence, bfmi, nested_rhat, summarise
from posterity.stats.limits import AT_LEAST, chance_rhat, rhat_limit, superchains_for

Array = NDArray[np.floating]
Verdict = Literal["pass", "fail", "extend"]

HARDLY_MOVED = 5.0  # ESS per chain below which its autocorrelation cannot be known, nor its agreement with others
SPARE = 1.1  # more draws than just enough
NAMED = 3  # worst quantities in the reasons


@dataclass(frozen=True)
class GateSettings:
    """What the gate asks for.

    ess: least bulk and tail ESS of a published quantity; bfmi: least E-BFMI of a chain; rhat_cap and level: see
    `limits.rhat_limit`; divergence_budget: largest share of draws that may
    diverge; superchains: groups for nested
    R-hat, 0 for split R-hat, None to choose by the layout (`limits.superchains_for`).
    """

    ess: float = 400.0
    bfmi: float = 0.3
    rhat_cap: float = 1.05
    divergence_budget: float = 0.0
    level: float = 0.99
    superchains: int | None = None


@dataclass(frozen=True)
class QuantityCheck:
    """One quantity before the gate. NaN diagnostics belong to a quantity that never changes."""

    group: str
    label: str
    published: bool
    mean: float
    sd: float
    mcse: float
    ess_bulk: float
    ess_tail: float
    rhat: float
    rhat_limit: float
    passed: bool

    @property
    def name(self) -> str:
        """`group[label]`."""
        return f"{self.group}[{self.label}]" if self.label else self.group


@dataclass(frozen=True)
class GateReport:
    """The gate's verdict, why, and every quantity it looked at.

    further_chains: how many more chains would be enough when the verdict is `extend`, else 0.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    further_chains: int
    chains: int
    draws: int
    divergences: int
    bfmi: tuple[float, ...]
    checks: tuple[QuantityCheck, ...]

    @property
    def rhat_max(self) -> float:
        """The largest R-hat of a published quantity."""
        return max((check.rhat for check in self.checks if check.published and check.sd > 0), default=math.nan)

    @property
    def ess_min(self) -> float:
        """The smallest bulk or tail ESS of a published quantity."""
        found = [min(check.ess_bulk, check.ess_tail) for check in self.checks if check.published and check.sd > 0]
        return min(found, default=math.nan)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, None for NaN."""
        checks = [{name: _without_nan(value) for name, value in asdict(check).items()} for check in self.checks]
        return {**asdict(self), "checks": checks, "bfmi": [_without_nan(value) for value in self.bfmi]}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "GateReport":
        """What `to_dict` gave."""
        checks = tuple(
            QuantityCheck(**{name: _with_nan(value) for name, value in row.items()}) for row in facts["checks"]
        )
        lists = {name: tuple(facts[name]) for name in ("reasons", "warnings")}
        return cls(**{**facts, **lists, "bfmi": tuple(map(_with_nan, facts["bfmi"])), "checks": checks})


def _without_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_nan(value: Any) -> Any:
    return math.nan if value is None else value


@dataclass(frozen=True)
class _Judged:
    """The checks of one group of quantities, worst first, and what was found on the way."""

    checks: tuple[QuantityCheck, ...] = ()
    disagreeing: tuple[QuantityCheck, ...] = ()
    stuck: tuple[QuantityCheck, ...] = ()
    superchains: int = 0

    @property
    def short(self) -> list[QuantityCheck]:
        """Those that miss a limit for want of draws alone."""
        found = {*self.disagreeing, *self.stuck}
        return [check for check in self.checks if not check.passed and check not in found]


def judge(
    published: Mapping[str, Array],
    parameters: Mapping[str, Array],
    labels: Mapping[str, Sequence[str]],
    divergences: NDArray[np.bool_] | None,
    energy: Array | None,
    settings: GateSettings = GateSettings(),
) -> GateReport:
    """Judge draws of shape (chains, draws, n) per group; `labels` names the n quantities of a group.

    divergences and energy have shape (chains, draws), None for independent draws. Raises ModelError when nothing is
    published, or a published quantity holds NaN or infinities.
    """
    if not published:
        raise ModelError("nothing is published, so there is nothing to judge; the model must declare quantities")
    _refuse_nan(published, labels)
    chains, draws = next(iter(published.values())).shape[:2]
    whole = {name: values for name, values in parameters.items() if np.isfinite(values).all()}
    seen, unseen = _judge(published, labels, True, settings), _judge(whole, labels, False, settings)
    faults = [*_sampler_faults(divergences, energy, settings), *_quantity_faults(seen, chains)]
    short = seen.short
    verdict: Verdict = "fail" if faults else "extend" if short else "pass"
    further = _further_chains(short, chains, seen.superchains, settings) if verdict == "extend" else 0
    return GateReport(
        verdict=verdict,
        reasons=tuple(faults or [_say_short(check, settings, further) for check in short[:NAMED]]),
        warnings=(
            *_say_forgiven(divergences, settings),
            *_warnings(unseen),
            *_say_nan(sorted({*parameters} - {*whole})),
            *_say_one_chain(chains, energy),
        ),
        further_chains=further,
        chains=chains,
        draws=draws,
        divergences=int(divergences.sum()) if divergences is not None else 0,
        bfmi=tuple(map(float, bfmi(energy))) if energy is not None else (),
        checks=(*seen.checks, *unseen.checks),
    )


def _refuse_nan(groups: Mapping[str, Array], labels: Mapping[str, Sequence[str]]) -> None:
    for group, values in groups.items():
        finite = np.isfinite(values).all(axis=(0, 1))
        if not finite.all():
            label = _labels(group, values, labels)[int(np.argmin(finite))]
            raise ModelError(f"published quantity {group}[{label}] holds NaN or infinities; mend predict or estimands")


def _labels(group: str, values: Array, labels: Mapping[str, Sequence[str]]) -> list[str]:
    return [str(label) for label in labels.get(group, range(values.shape[2]))]


def _judge(
    groups: Mapping[str, Array], labels: Mapping[str, Sequence[str]], published: bool, settings: GateSettings
) -> _Judged:
    """Diagnose all groups together, so that one level holds for the worst of them all."""
    if not groups:
        return _Judged()
    values = np.concatenate(list(groups.values()), axis=2)
    names = [(group, label) for group, part in groups.items() for label in _labels(group, part, labels)]
    found = summarise(values)
    chains, draws = values.shape[:2]
    superchains = superchains_for(chains, found.ess_within) if settings.superchains is None else settings.superchains
    rhat = nested_rhat(values, superchains) if superchains else found.rhat
    limit = rhat_limit(found.ess_within, chains, draws, settings.level, settings.rhat_cap, superchains)
    # Whether chains agree is a matter of each chain's own ESS, so this looks at split R-hat in every layout.
    explained = np.nan_to_num(chance_rhat(found.ess_within, chains, draws, settings.level), nan=1.0)
    apart = found.rhat > np.maximum(explained, AT_LEAST)
    stuck = found.ess_within / chains < HARDLY_MOVED
    enough = np.minimum(found.ess_bulk, found.ess_tail) >= settings.ess
    passed = (found.sd == 0) | (enough & (rhat <= limit) & ~apart & ~stuck)
    rows = _rows(names, published, found, rhat, limit, passed)
    badness = np.where(
        found.sd == 0, -np.inf, np.fmax(settings.ess / np.fmin(found.ess_bulk, found.ess_tail), rhat - 1)
    )
    order = np.lexsort((-badness, passed))
    return _Judged(
        tuple(rows[i] for i in order),
        tuple(rows[i] for i in np.argsort(-np.nan_to_num(found.rhat), kind="stable") if apart[i]),
        tuple(rows[i] for i in order if stuck[i] and not apart[i]),
        superchains,
    )


def _rows(
    names: Sequence[tuple[str, str]],
    published: bool,
    found: Convergence,
    rhat: Array,
    limit: Array,
    passed: NDArray[np.bool_],
) -> list[QuantityCheck]:
    columns = (found.mean, found.sd, found.mcse_mean, found.ess_bulk, found.ess_tail, rhat, limit)
    figures = np.stack(columns, axis=1).tolist()
    return [
        QuantityCheck(group, label, published, mean, sd, mcse, bulk, tail, worst, most, bool(good))
        for (group, label), (mean, sd, mcse, bulk, tail, worst, most), good in zip(names, figures, passed, strict=True)
    ]


def _sampler_faults(divergences: NDArray[np.bool_] | None, energy: Array | None, settings: GateSettings) -> list[str]:
    faults = []
    if divergences is not None and divergences.mean() > settings.divergence_budget:
        count, allowed = int(divergences.sum()), int(settings.divergence_budget * divergences.size)
        faults.append(
            f"{count} of {divergences.size} draws diverged ({allowed} allowed): the sampler cannot follow the "
            "posterior somewhere, so the draws are biased; reparametrise (non-centred effects) or raise target_accept"
        )
    if energy is not None:
        found = bfmi(energy)
        if (found < settings.bfmi).any():
            faults.append(
                f"E-BFMI {np.nanmin(found):.2f} in chain {int(np.nanargmin(found))} is below {settings.bfmi}: the "
                "tails are explored too slowly; reparametrise or give heavy-tailed parameters tighter priors"
            )
    return faults


def _quantity_faults(seen: _Judged, chains: int) -> list[str]:
    apart = [
        f"the chains disagree about {check.name}: split R-hat is beyond what their autocorrelation explains "
        f"(R-hat {check.rhat:.3f}, bulk ESS {check.ess_bulk:.0f} of {chains} chains); look at its trace for several "
        "modes or a funnel, and at the priors"
        for check in seen.disagreeing[:NAMED]
    ]
    stuck = [
        f"{check.name} hardly moved within a chain (bulk ESS {check.ess_bulk:.0f} of {chains} chains): no number of "
        "chains makes up for that; sample longer chains with a longer warm-up, or reparametrise"
        for check in seen.stuck[:NAMED]
    ]
    return apart + stuck


def _further_chains(short: Sequence[QuantityCheck], chains: int, superchains: int, settings: GateSettings) -> int:
    """Further chains of this length that give the worst published quantity the ESS asked for.

    Enough to compare superchains where R-hat itself is the matter, and to share them out where there are some.
    """
    worst = min(min(check.ess_bulk, check.ess_tail) for check in short)
    total = math.ceil(SPARE * chains * settings.ess / worst)
    if settings.superchains is None and any(check.rhat > check.rhat_limit for check in short):
        total = max(total, 8, chains + 1)
    step = superchains or (4 if total >= 8 and settings.superchains is None else 1)
    return max(step, math.ceil(max(total, chains + 1) / step) * step - chains)


def _say_short(check: QuantityCheck, settings: GateSettings, further: int) -> str:
    return (
        f"{check.name} has ESS {min(check.ess_bulk, check.ess_tail):.0f} (asked: {settings.ess:.0f}) and R-hat "
        f"{check.rhat:.3f} (limit {check.rhat_limit:.3f}): {further} further chains would be enough"
    )


def _say_forgiven(divergences: NDArray[np.bool_] | None, settings: GateSettings) -> list[str]:
    if divergences is None or not 0 < divergences.mean() <= settings.divergence_budget:
        return []
    return [
        f"{int(divergences.sum())} of {divergences.size} draws diverged, within the model's divergence_budget of "
        f"{settings.divergence_budget:.2%}; the draws around them may be biased"
    ]


def _warnings(unseen: _Judged) -> list[str]:
    bad = [check for check in unseen.checks if not check.passed]
    if not bad:
        return []
    worst = bad[0]
    return [
        f"{len(bad)} unpublished parameters miss the limits, worst {worst.name} (R-hat {worst.rhat:.3f}, "
        f"bulk ESS {worst.ess_bulk:.0f}); nothing published depends on them alone"
    ]


def _say_nan(names: Sequence[str]) -> list[str]:
    return (
        [f"unpublished parameters hold NaN or infinities and were not looked at: {', '.join(names)}"] if names else []
    )


def _say_one_chain(chains: int, energy: Array | None) -> list[str]:
    if chains > 1 or energy is None:
        return []
    return ["one chain alone cannot show that another would have gone elsewhere; sample four or more"]
