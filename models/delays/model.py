"""The mean arrival delay from each airport and departure block next month, by direct Monte Carlo.

The delays of an airport × block follow a Gaussian mixture (scikit-learn), fitted anew in each run to the histogram of
the shared feature table. A draw of next month's mean of n flights is made of

    n flights of the mixture         how many fall into each component is multinomial; their sum is normal given that
    + a shift of the whole month     months differ: normal with mean 0 and the variance between the months so far,
                                     itself drawn from its scaled inverse chi-squared posterior
    + the error of the average month the same variance divided by the number of months

so that the draws are independent, and no chain has to converge. Next month's n is the average month's; a mean of
thousands of flights hardly depends on it.

Priors of the variances: 4 degrees of freedom at (6 minutes)² for all of New York in a month, and at (3 minutes)² for an
airport × block around it; monthly mean delays of an airport commonly differ by 5 to 10 minutes within a year.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from models.flights.table import BIN_EDGES, FlightsTable, bin_columns, outcomes_of, timetable
from posterity import Assumption, Draws, Estimand, Horizon, Limit, Metric, MonteCarloModel, Quantity
from posterity.model.contract import Array

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("origin", "block")
COMPONENTS = 3
POINTS = 400  # representative delays that a histogram is expanded to
PRIOR_DF = 4.0
SHARED_SD, OWN_SD = 6.0, 3.0  # minutes


class Delays(FlightsTable, MonteCarloModel):
    """The mean arrival delay in minutes of next month's flights that arrive, by airport and departure block."""

    name = "delays"
    keys = KEYS
    quantities = (Quantity("mean_delay", "minutes", "mean arrival delay of flights that arrive"),)
    metrics = (
        Metric("crps", "lower", "minutes", Limit(at_most=15.0)),
        Metric("coverage_90", "nearest", "share of airports and blocks", Limit(at_least=0.5)),
    )
    assumptions: ClassVar[tuple[Assumption, ...]] = (
        Assumption(
            "exchangeable months",
            "Next month's shift is a draw from those of the months so far; there is no season and no trend.",
            "coverage_90 >= 0.5",
            "storms and holidays of the month that was scored",
        ),
    )

    def targets(self, clean: "pd.DataFrame", as_of: date) -> "pd.DataFrame":
        scheduled = timetable(clean, self.horizon(as_of))
        return scheduled.groupby(list(KEYS), as_index=False).agg(scheduled=("flight", "size"))

    def actuals(self, clean: "pd.DataFrame", period: Horizon) -> "pd.DataFrame":
        arrived = outcomes_of(clean, period).dropna(subset="arr_delay")
        return arrived.groupby(list(KEYS), as_index=False).agg(mean_delay=("arr_delay", "mean"))

    def fit(self, features: "pd.DataFrame") -> Mapping[str, np.ndarray[Any, Any]]:
        """Mixtures (group, component), months' mean delays, and flights per month of every airport × block (group)."""
        import pandas as pd

        bins = list(bin_columns())
        by_group = features.groupby(list(KEYS))[bins].sum()
        mixtures = [_mixture(counts) for counts in by_group.to_numpy(float)]
        monthly = features.groupby([*KEYS, "month"])[bins].sum()
        flights, total = monthly.sum(axis=1), monthly.to_numpy(float) @ _middles()
        table = pd.DataFrame({"flights": flights, "mean": total / flights.clip(lower=1)})
        wide = table.pivot_table(index=list(KEYS), columns="month", dropna=False)
        means, weights = wide["mean"].to_numpy(float), wide["flights"].fillna(0.0).to_numpy(float)
        return {
            "group": np.array([f"{origin} {block}" for origin, block in by_group.index], dtype="U"),
            "weights": np.stack([mixture[0] for mixture in mixtures]),
            "means": np.stack([mixture[1] for mixture in mixtures]),
            "variances": np.stack([mixture[2] for mixture in mixtures]),
            "flights": np.maximum(weights.mean(axis=1).round().astype(np.int64), 1),
            **_between_months(means, weights),
        }

    def draw(self, fitted: Mapping[str, Any], rng: np.random.Generator, n: int) -> Mapping[str, Array]:
        """Mean delays of next month, of the average month, and the spread between months; all in minutes."""
        counts = rng.multinomial(fitted["flights"], fitted["weights"], (n, len(fitted["group"])))
        flights = fitted["flights"]
        spread = np.sqrt((counts * fitted["variances"]).sum(axis=2))
        mean = (counts * fitted["means"]).sum(axis=2) + spread * rng.standard_normal(spread.shape)
        months, groups = int(fitted["months"]), len(fitted["group"])
        shared = np.sqrt(_variance(rng, n, fitted["shared_squares"], months - 1, SHARED_SD))[:, None]
        own = np.sqrt(_variance(rng, n, fitted["own_squares"], (months - 1) * (groups - 1), OWN_SD))[:, None]
        error = shared * rng.standard_normal((n, 1)) + own * rng.standard_normal((n, groups))
        level = fitted["level"] + error / np.sqrt(months)
        shift = shared * rng.standard_normal((n, 1)) + own * rng.standard_normal((n, groups))
        noise = mean / flights - (fitted["weights"] * fitted["means"]).sum(axis=1)
        return {"next_mean": level + shift + noise, "level": level, "spread": np.hstack([shared, own])}

    def dims(self) -> Mapping[str, tuple[str, ...]]:
        return {"next_mean": ("group",), "level": ("group",)}

    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Array]:
        labels = [f"{origin} {block}" for origin, block in zip(targets["origin"], targets["block"], strict=True)]
        return {"mean_delay": draws.effect("next_mean", labels)}

    def estimands(self, draws: Draws) -> Sequence[Estimand]:
        return [
            Estimand("level", list(draws.coords["group"]), draws["level"], "minutes", 2.0),
            Estimand("spread", ["all of New York", "airport and block"], draws["spread"], "minutes", 2.0),
        ]


def _middles() -> Array:
    """The representative delay of each bin, minutes: the middle, in the open-ended last one nearer to its start."""
    edges = np.array(BIN_EDGES, float)
    middles: Array = (edges[:-1] + edges[1:]) / 2
    middles[[0, -1]] = [-52.0, 450.0]
    return middles


def _expand(counts: Array) -> Array:
    """About POINTS delays, as many in each bin as its share of `counts` (bins,), spread evenly within it."""
    edges = np.array(BIN_EDGES, float)
    edges[[0, -1]] = [2 * _middles()[0] - edges[1], 2 * _middles()[-1] - edges[-2]]
    cumulative = np.concatenate([[0.0], np.cumsum(counts)]) / max(counts.sum(), 1.0)
    levels = (np.arange(POINTS) + 0.5) / POINTS
    return np.asarray(np.interp(levels, cumulative, edges))


def _mixture(counts: Array) -> tuple[Array, Array, Array]:
    """Weights, means and variances of a Gaussian mixture of the delays of a histogram (bins,)."""
    from sklearn.mixture import GaussianMixture

    delays = _expand(counts)[:, None]
    # A start of its own spares scikit-learn's k-means, which takes longer than the fit.
    fit = GaussianMixture(
        COMPONENTS,
        init_params="random_from_data",
        weights_init=np.full(COMPONENTS, 1 / COMPONENTS),
        means_init=np.quantile(delays, (np.arange(COMPONENTS) + 0.5) / COMPONENTS)[:, None],
        precisions_init=np.full((COMPONENTS, 1, 1), COMPONENTS / delays.var()),
        reg_covar=1.0,
        max_iter=200,
        random_state=0,
    ).fit(delays)
    weights, means, variances = fit.weights_, fit.means_[:, 0], fit.covariances_[:, 0, 0]
    return weights, means, variances


def _between_months(means: Array, weights: Array) -> Mapping[str, Array]:
    """How months differ, from mean delays and flights of shape (groups, months).

    level: the plain mean over months of each group, as months are exchangeable; shared_squares and own_squares: sums of
    squares of all groups' common shift and of what is left of each group's own.
    """
    filled = np.where(np.isnan(means), np.nanmean(means, axis=1, keepdims=True), means)
    level = filled.mean(axis=1)
    away = filled - level[:, None]
    shared = np.average(away, axis=0, weights=weights.sum(axis=1))
    own = away - shared
    return {
        "months": np.array(means.shape[1]),
        "level": level,
        "shared_squares": np.array((shared**2).sum()),
        "own_squares": np.array((own**2).sum()),
    }


def _variance(rng: np.random.Generator, n: int, squares: Any, degrees: int, prior_sd: float) -> Array:
    """`n` draws of a variance from its scaled inverse chi-squared posterior (Gelman et al. 2013, section 3.2)."""
    scale = PRIOR_DF * prior_sd**2 + float(squares)
    return np.asarray(scale / rng.chisquare(PRIOR_DF + degrees, n))
