"""How large an R-hat may be by chance alone.

Groups of draws (split chains, or superchains) with an effective sample size of e each have means with a variance of
σ²/e when they sample one distribution. For g groups the between-variance is then σ²/e · χ²(g − 1)/(g − 1) and the
within-variance σ²(1 − 1/e), so that

    R-hat² ≈ (N − 1)/N + F/(e − 1)      F = χ²(g − 1)/(g − 1), N draws in a split chain
    nested R-hat² ≈ 1 + F/(e − 1)

The rule R-hat ≤ 1.01 is therefore one about e: with chains of an ESS of 62 each it rejects two of three
perfect samplers.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

AT_LEAST = 1.01  # the limit that Vehtari et al. (2021) ask for, where the chains are long enough to reach it
NOISE = 20.0  # the ESS is lowered by √(NOISE/ESS): 1.6 standard deviations of its own estimate (simulated)


def chance_rhat(ess_within: Array, chains: int, draws: int, level: float = 0.99, superchains: int = 0) -> Array:
    """The R-hat (n,) that any of n quantities exceeds with probability 1 − `level` when every chain is right.

    ess_within: (n,), see `posterity.stats.ess`; superchains: of nested R-hat, 0 for split R-hat. R-hat is the larger of
    two figures (bulk and folded draws) and the quantities are taken as independent, both of which is cautious. NaN for
    a NaN ESS, infinite where a group holds no more than one independent draw.
    """
    from scipy.stats import chi2

    groups = superchains or 2 * chains
    known = np.isfinite(ess_within)
    each = level ** (1 / (2 * max(1, int(known.sum()))))
    ratio = chi2.ppf(each, groups - 1) / (groups - 1)
    trusted = ess_within / (1 + np.sqrt(NOISE / ess_within)) / groups - 1
    excess = np.divide(ratio, trusted, out=np.full(len(trusted), np.inf), where=trusted > 0)
    short = 0.0 if superchains else 1 / max(1, draws // 2)
    return np.where(known, np.sqrt(1 - short + excess), np.nan)


def rhat_limit(
    ess_within: Array, chains: int, draws: int, level: float = 0.99, cap: float = 1.05, superchains: int = 0
) -> Array:
    """`chance_rhat` of each quantity (n,), at least 1.01 and at most `cap`; 1.01 for a NaN ESS."""
    return np.clip(np.nan_to_num(chance_rhat(ess_within, chains, draws, level, superchains), nan=1.0), AT_LEAST, cap)


def superchains_for(chains: int, ess_within: Array) -> int:
    """How many superchains suit the layout: 0 (split R-hat) unless there are many chains too short for split R-hat.

    At least four of at least two chains each (Margossian et al. 2024), fewest first, where half of the quantities have
    an ESS per chain below 200.
    """
    typical = float(np.median(ess_within[np.isfinite(ess_within)])) if np.isfinite(ess_within).any() else np.inf
    if typical / chains >= 200:
        return 0
    return next((count for count in range(4, chains // 2 + 1) if chains % count == 0), 0)
