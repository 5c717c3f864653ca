"""The convergence gate: may these draws be published?

Published quantities are judged first; parameters that nobody sees only give warnings. Divergences and E-BFMI are about
the sampler as a whole and count always.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from posterity.stats.convergence import bfmi, nested_rhat, rhat_limit, summarise

Array = NDArray[np.floating]
Verdict = Literal["pass", "fail", "extend"]
ENOUGH_ESS = 50.0  # ESS per chain below which an R-hat beyond its limit may be for want of draws


@dataclass(frozen=True)
class GateSettings:
    """What the gate asks for.

    ess: least bulk and tail ESS of a published quantity; bfmi: least E-BFMI of a chain; divergence_share: largest
    share of draws that may diverge; level and cap: see `rhat_limit`; superchains: groups for nested R-hat, 0 for split
    R-hat.
    """

    ess: float = 400.0
    bfmi: float = 0.3
    rhat_cap: float = 1.05
    divergence_share: float = 0.0
    level: float = 0.99
    superchains: int = 0


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
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "GateReport":
        checks = tuple(QuantityCheck(**check) for check in facts["checks"])
        lists = {name: tuple(facts[name]) for name in ("reasons", "warnings", "bfmi")}
        return cls(**{**facts, **lists, "checks": checks})


def judge(
    published: Mapping[str, Array],
    parameters: Mapping[str, Array],
    labels: Mapping[str, Sequence[str]],
    divergences: NDArray[np.bool_] | None,
    energy: Array | None,
    settings: GateSettings = GateSettings(),
) -> GateReport:
    """Judge draws of shape (chains, draws, n) per group; `labels` names the n quantities of a group.

    divergences and energy have shape (chains, draws), None for independent draws. Raises ValueError when nothing is
    published.
    """
    if not published:
        raise ValueError("nothing is published, so there is nothing to judge; the model must declare quantities")
    first = next(iter(published.values()))
    chains, draws = first.shape[:2]
    seen = _checks(published, labels, True, settings) + _checks(parameters, labels, False, settings)
    faults, wants = _sampler_faults(divergences, energy, settings), _wants(seen, chains, settings)
    disagree = _disagreements(seen, chains)
    faults += [_say_rhat(check) for check in disagree[:3]]
    short = [check for check in seen if check.published and not check.passed and check not in disagree]
    verdict: Verdict = "fail" if faults else "extend" if short else "pass"
    return GateReport(
        verdict=verdict,
        reasons=tuple(faults or [_say_short(check, settings) for check in short[:3]]),
        warnings=tuple(_warnings(seen)),
        further_chains=wants if verdict == "extend" else 0,
        chains=chains,
        draws=draws,
        divergences=int(divergences.sum()) if divergences is not None else 0,
        bfmi=tuple(map(float, bfmi(energy))) if energy is not None else (),
        checks=tuple(seen),
    )


def _checks(
    groups: Mapping[str, Array], labels: Mapping[str, Sequence[str]], published: bool, settings: GateSettings
) -> list[QuantityCheck]:
    """Diagnose all groups together, so that one limit holds for the worst of them all; the worst come first."""
    if not groups:
        return []
    values = np.concatenate(list(groups.values()), axis=2)
    names = [
        (group, str(labels.get(group, [""] * 10**6)[i])) for group in groups for i in range(groups[group].shape[2])
    ]
    found = summarise(values)
    rhat = nested_rhat(values, settings.superchains) if settings.superchains else found.rhat
    limit = rhat_limit(found.ess_bulk, values.shape[0], settings.level, settings.rhat_cap)
    enough = (found.ess_bulk >= settings.ess) & (found.ess_tail >= settings.ess)
    passed = ((rhat <= limit) & enough) | ~np.isfinite(rhat)
    rows = [
        QuantityCheck(*name, published, *map(float, figures), limit, bool(good))  # type: ignore[call-arg]
        for name, good, *figures in zip(
            names, passed, found.mean, found.sd, found.mcse_mean, found.ess_bulk, found.ess_tail, rhat, strict=True
        )
    ]
    return sorted(rows, key=lambda row: (row.passed, row.ess_bulk if row.sd > 0 else math.inf))


def _sampler_faults(divergences: NDArray[np.bool_] | None, energy: Array | None, settings: GateSettings) -> list[str]:
    faults = []
    if divergences is not None and divergences.mean() > settings.divergence_share:
        count, allowed = int(divergences.sum()), int(settings.divergence_share * divergences.size)
        faults.append(
            f"{count} of {divergences.size} draws diverged ({allowed} allowed): the sampler cannot follow the posterior "
            "somewhere, so the draws are biased; reparametrise (non-centred effects) or raise target_accept"
        )
    if energy is not None:
        low = bfmi(energy)
        if (low < settings.bfmi).any():
            faults.append(
                f"E-BFMI {low.min():.2f} in chain {int(low.argmin())} is below {settings.bfmi}: the tails are explored too "
                "slowly; reparametrise or give heavy-tailed parameters tighter priors"
            )
    return faults


def _disagreements(seen: Sequence[QuantityCheck], chains: int) -> list[QuantityCheck]:
    """Published quantities whose chains differ by more than a want of draws explains."""
    return [
        check for check in seen if check.published and check.rhat > check.rhat_limit and _really_differs(check, chains)
    ]


def _really_differs(check: QuantityCheck, chains: int) -> bool:
    """Chains in different places look like a tiny ESS with a large R-hat; slow chains keep R-hat near its limit."""
    return check.rhat > 1.1 or check.ess_bulk / chains > ENOUGH_ESS


def _wants(seen: Sequence[QuantityCheck], chains: int, settings: GateSettings) -> int:
    """Further chains so that the worst published quantity has the ESS asked for."""
    worst = min(
        (min(check.ess_bulk, check.ess_tail) for check in seen if check.published and check.sd > 0),
        default=settings.ess,
    )
    needed = math.ceil(1.1 * chains * settings.ess / max(worst, 1.0)) - chains
    return max(1, needed)


def _say_rhat(check: QuantityCheck) -> str:
    return (
        f"the chains disagree about {check.name}: R-hat {check.rhat:.3f} is above {check.rhat_limit:.3f}; "
        "look at its trace for several modes or a funnel, and at the priors"
    )


def _say_short(check: QuantityCheck, settings: GateSettings) -> str:
    return (
        f"{check.name} has ESS {min(check.ess_bulk, check.ess_tail):.0f} (asked: {settings.ess:.0f}) and R-hat "
        f"{check.rhat:.3f} (limit {check.rhat_limit:.3f}): more chains would be enough"
    )


def _warnings(seen: Sequence[QuantityCheck]) -> list[str]:
    bad = [check for check in seen if not check.published and not check.passed]
    if not bad:
        return []
    worst = bad[0]
    return [
        f"{len(bad)} unpublished parameters miss the limits, worst {worst.name} (R-hat {worst.rhat:.3f}, "
        f"bulk ESS {worst.ess_bulk:.0f}); nothing published depends on them alone"
    ]
