"""The share of each route's flights that will be disrupted next month: a hierarchical binomial model.

A flight is disrupted when it lands 15 or more minutes late, is diverted or is cancelled.

Cells are carrier × origin × destination × month × departure block. With n flights, k of them disrupted,

    k ~ Binomial(n, p),   logit p = month[m] + block[m, b] + origin[m, o] + carrier[m, c] + route[r] + cell[r, m]

month     Normal(intercept, sigma_month): months are draws from a population, and so is the next one, `month_next`,
          which nothing has been seen of.
block, origin   Normal(main effect, sigma_block_month or sigma_origin_month), both summing to zero: hours and airports
          differ, and differ anew each month, as storms hit whole airports and the afternoons of a season.
carrier   a main effect, ZeroSumNormal(sigma_carrier), and its deviation in a month, ZeroSumNormal(sigma_carrier_month).
route     Normal(dest, sigma_route) for each carrier × origin × destination, with dest ~ ZeroSumNormal(sigma_dest). A
          route never flown before is a draw from this population: a wider interval.
cell      Normal(0, sigma_cell) for each route × month: over-dispersion, common to the route's blocks.

The level is that of the average flight: `reference`, the flight-weighted mean of carrier and route effects, is taken
off. This changes no prediction but removes the ridge between months and effects that slows NUTS down.

Priors, on the scale of log odds, from what is known of other years and places (no data of 2013):
intercept            Normal(-1.3, 0.5): between 10 % and 40 % of flights; US carriers have 20 to 25 % in most years.
sigma_month          Gamma(4), mean 0.3: published monthly rates move between about 14 % and 26 % within a year.
block, origin        Normal(0, 0.5), Normal(0, 0.3): evening has about twice the odds of morning; airports of one city
                     share weather and airlines. Four and three levels cannot teach a scale of their own.
sigma_carrier        Gamma(2), mean 0.4: the best and the worst airline differ by a factor of about 3 in odds.
sigma_dest, _route   Gamma(2), mean 0.2: less than carriers.
sigma_*_month, _cell Gamma(4), mean 0.15: a month's deviation changes odds by some 10 to 30 %.
Gamma densities with shape above 1 are 0 at 0 (Chung et al. 2013), so that a scale which few months cannot teach has no
neck of a funnel at 0; the shape 4 also makes it less likely to take over the main effect. `models.flights.density` has
the coordinates in which the sampler sees all this.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from models.flights.decision import decision_metrics
from models.flights.table import BLOCKS, FlightsTable, outcomes_of, timetable
from posterity import Assumption, Contributions, Draws, Estimand, Horizon, Limit, MCMCModel, Metric, Quantity
from posterity.model.contract import Array

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

SHARE = "disrupted"
ROUTE = ("carrier", "origin", "dest")
INTERCEPT = (-1.3, 0.5)
MAIN = {"block": 0.5, "origin": 0.3}
SCALES = {  # name: (shape, mean) of its gamma prior
    "sigma_month": (4.0, 0.3),
    "sigma_block_month": (4.0, 0.15),
    "sigma_origin_month": (4.0, 0.15),
    "sigma_carrier": (2.0, 0.4),
    "sigma_carrier_month": (4.0, 0.15),
    "sigma_dest": (2.0, 0.2),
    "sigma_route": (2.0, 0.2),
    "sigma_cell": (4.0, 0.15),
}
MAIN_SCALES = ("sigma_month", "sigma_block_month", "sigma_origin_month", "sigma_carrier", "sigma_carrier_month")


class Flights(FlightsTable, MCMCModel):
    """The share of next month's disrupted flights of every carrier × origin × destination."""

    name = "flights"
    keys = ROUTE
    # In 30 runs over seeds and months no draw diverged and the smallest ESS was 734; at 0.8 it was 433, in February.
    sampler: ClassVar[Mapping[str, float]] = {"target_accept": 0.85}
    quantities = (
        Quantity(SHARE, "share of flights", "late by 15 minutes or more, diverted or cancelled", exposure="flights"),
    )
    metrics = (
        Metric("crps", "lower", "share of flights", Limit(at_most=0.12)),
        Metric("log_score", "lower", "nats"),
        Metric("coverage_50", "nearest", "share of routes", Limit(at_least=0.2, at_most=0.9)),
        Metric("coverage_90", "nearest", "share of routes", Limit(at_least=0.6)),
        Metric("decision_loss", "lower", "cost per flight", Limit(at_most=1.0), "3 a missed warning, 1 a false one"),
        Metric("precision", "higher", "share of warnings"),
        Metric("recall", "higher", "share of bad routes"),
        Metric("roc_auc", "higher"),
    )
    assumptions: ClassVar[tuple[Assumption, ...]] = (
        Assumption(
            "exchangeable months",
            "Next month is a draw from the population of the months seen so far; there is no season and no trend.",
            "coverage_90 >= 0.7",
            "months that are unlike all before (storms, holidays); the prior and posterior of sigma_month",
        ),
        Assumption(
            "steady carriers",
            "A carrier's effect stays the same but for deviations of single months.",
            "drift_z.carrier <= 4",
            "changes of a carrier's timetable, fleet or reporting",
        ),
        Assumption(
            "steady airports and hours",
            "Airports and departure blocks keep their effects but for deviations of single months.",
            "drift_z.origin <= 4",
            "runway works and flow control at the airport named",
        ),
        Assumption(
            "steady routes",
            "A route keeps its effect from month to month but for over-dispersion.",
            "drift_z.route <= 4.5",
            "the routes with the largest |z|: new equipment, new slots",
        ),
        Assumption(
            "known timetable",
            "The published timetable of next month is flown as it stands.",
            "input_effect.flights <= 0.5",
            "routes that were added or given up since the last snapshot",
        ),
    )

    def targets(self, clean: "pd.DataFrame", as_of: date) -> "pd.DataFrame":
        """Each scheduled route, its number of flights, and how many of them leave in each block."""
        scheduled = timetable(clean, self.horizon(as_of))
        counts = scheduled.pivot_table("flight", list(ROUTE), "block", aggfunc="count", fill_value=0)
        counts = counts.reindex(columns=list(BLOCKS), fill_value=0)
        counts.insert(0, "flights", counts.sum(axis=1))
        return counts.rename_axis(columns=None).reset_index()

    def actuals(self, clean: "pd.DataFrame", period: Horizon) -> "pd.DataFrame":
        flown = outcomes_of(clean, period).groupby(list(ROUTE), as_index=False)
        return flown.agg(flights=(SHARE, "size"), disrupted=(SHARE, "mean"))

    def build(self, features: "pd.DataFrame") -> "pm.Model":
        from models.flights.density import flights_model

        return flights_model(features, INTERCEPT, MAIN, SCALES)

    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Array]:
        """The probability that a flight of each route is disrupted, its mix of departure blocks averaged out."""
        eta = (draws["month_next"] - draws["reference"])[:, None] + sum(_effects(draws, targets).values())
        eta += _month_scale(draws)[:, None] * draws.noise(route_labels(targets), "month of a route")
        return {SHARE: _mix(eta, draws["block_effect"] + _block_noise(draws), targets[list(BLOCKS)].to_numpy(float))}

    def explain(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Contributions]:
        """What each effect adds to the log odds. Departure hours: what the route's mix of blocks does to them; next
        month: all that only the month to come decides."""
        known = _effects(draws, targets)
        dest = _destination(draws, targets)
        level = (draws["intercept"] - draws["reference"])[:, None]
        month = (draws["month_next"] - draws["intercept"])[:, None]
        month = month + _month_scale(draws)[:, None] * draws.noise(route_labels(targets), "month of a route")
        eta = level + sum(known.values())
        weights = targets[list(BLOCKS)].to_numpy(float)
        average = _log_odds(_mix(eta, draws["block_effect"], weights))
        coming = _log_odds(_mix(eta + month, draws["block_effect"] + _block_noise(draws), weights))
        parts = {
            "average flight": np.broadcast_to(level, eta.shape),
            "carrier": known["carrier"],
            "origin": known["origin"],
            "destination": dest,
            "route": known["route"] - dest,
            "departure hours": average - eta,
            "next month": coming - average,
        }
        return {SHARE: Contributions("logit", parts)}

    def estimands(self, draws: Draws) -> Sequence[Estimand]:
        """Effects in log odds, and every route's share in the average month with its flights spread over all blocks.

        Of the scales of destination, route and cell the sum is published: the data do not tell them well apart.
        """
        effects = [
            Estimand(name, draws.coords[name], draws[f"{name}_effect"], "log odds", 0.1)
            for name in ("carrier", "origin", "block")
        ]
        level = draws["intercept"] - draws["reference"]
        among_routes = np.sqrt(sum(draws[name] ** 2 for name in ("sigma_dest", "sigma_route", "sigma_cell")))
        scales = np.column_stack([*(draws[name] for name in MAIN_SCALES), among_routes])
        routes = draws.coords["route"]
        parts = [label.split("-") for label in routes]
        eta = level[:, None] + draws["route_effect"]
        eta = eta + draws.effect("carrier_effect", [part[0] for part in parts])
        eta = eta + draws.effect("origin_effect", [part[1] for part in parts])
        share = _mix(eta, draws["block_effect"], np.ones((len(routes), len(BLOCKS))))
        return [
            *effects,
            Estimand("level", ["average month"], level[:, None], "log odds", 0.2),
            Estimand("scale", [*MAIN_SCALES, "among routes"], scales, "log odds", 0.1),
            Estimand("route", routes, share, "share of flights", 0.03),
        ]

    def replicate(self, draws: Draws, features: "pd.DataFrame", rng: np.random.Generator) -> tuple[Array, Array]:
        """Shares of disrupted flights of the cells, and the same of flights drawn again."""
        flights = features["flights"].to_numpy()
        again = rng.binomial(flights, _logistic(cell_log_odds(draws, features))) / flights
        return features[SHARE].to_numpy() / flights, again

    def score(self, product: "pd.DataFrame", actuals: "pd.DataFrame") -> Mapping[str, float]:
        return decision_metrics(
            mean=product[f"{SHARE}_mean"].to_numpy(float),
            upper=product[f"{SHARE}_q75"].to_numpy(float),
            happened=actuals[SHARE].to_numpy(float),
            flights=actuals["flights"].to_numpy(float),
        )


def route_labels(table: "pd.DataFrame") -> list[str]:
    """carrier-origin-dest of each row."""
    return [f"{carrier}-{origin}-{dest}" for carrier, origin, dest in zip(*(table[key] for key in ROUTE), strict=True)]


def cell_log_odds(draws: Draws, features: "pd.DataFrame") -> Array:
    """The log odds of disruption of each row of the features in its own month, shape (draws, rows)."""
    routes = route_labels(features)
    months = [draws.coords["month"].index(month) for month in features["month"]]
    cells = [f"{route} {month}" for route, month in zip(routes, features["month"], strict=True)]
    eta = draws.effect("month_effect", features["month"]) - draws["reference"][:, None]
    for name in ("block", "origin", "carrier"):
        columns = [draws.coords[name].index(label) for label in features[name]]
        eta = eta + draws[f"{name}_month"][:, months, columns]
    noise = draws["sigma_cell"][:, None] * draws.effect("z_cell", cells)
    return np.asarray(eta + draws.effect("route_effect", routes) + noise)


def _effects(draws: Draws, targets: "pd.DataFrame") -> dict[str, Array]:
    """What carrier, route (its destination included) and origin add to the log odds; what has not been seen is drawn
    from its population."""
    carriers, routes = list(targets["carrier"]), route_labels(targets)
    return {
        "carrier": _effect(draws, "carrier", carriers, lambda: _drawn(draws, "sigma_carrier", carriers)),
        "route": _effect(
            draws, "route", routes, lambda: _destination(draws, targets) + _drawn(draws, "sigma_route", routes)
        ),
        "origin": draws.effect("origin_effect", targets["origin"]),
    }


def _destination(draws: Draws, targets: "pd.DataFrame") -> Array:
    """The mean of all routes to the same destination."""
    dests = list(targets["dest"])
    return _effect(draws, "dest", dests, lambda: _drawn(draws, "sigma_dest", dests))


def _drawn(draws: Draws, scale: str, labels: Sequence[str]) -> Array:
    return np.asarray(draws[scale][:, None] * draws.noise(labels, scale))


def _effect(draws: Draws, name: str, labels: Sequence[str], unseen: Callable[[], Array]) -> Array:
    """The effects of `labels`; `unseen` is computed only where one of them is new."""
    new = not set(labels) <= set(draws.coords[name])
    return draws.effect(f"{name}_effect", labels, unseen() if new else None)


def _month_scale(draws: Draws) -> Array:
    """The standard deviation of what only a month that has not been seen adds to a route, blocks apart.

    An effect that sums to zero over k levels has the variance sigma² (k - 1)/k.
    """
    parts = [draws["sigma_cell"] ** 2]
    for name in ("carrier", "origin"):
        levels = len(draws.coords[name])
        parts.append(draws[f"sigma_{name}_month"] ** 2 * (levels - 1) / levels)
    return np.asarray(np.sqrt(sum(parts)))


def _block_noise(draws: Draws) -> Array:
    """The deviations of the blocks in a month that has not been seen; they sum to zero."""
    noise = draws.noise(draws.coords["block"], "month of a block")
    return np.asarray(draws["sigma_block_month"][:, None] * (noise - noise.mean(axis=1, keepdims=True)))


def _mix(eta: Array, block: Array, weights: Array) -> Array:
    """The mean of logistic(eta + block) over the blocks; eta (draws, rows), block (draws, blocks), weights (rows,
    blocks).

    logistic(eta + b) = o / (o + exp(-b)) with the odds o = exp(eta): one exponential serves all blocks.
    """
    share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    odds = np.exp(eta)
    total = np.zeros_like(odds)
    for column, against in enumerate(np.exp(-block).T):
        total += share[:, column] * (odds / (odds + against[:, None]))
    return total


def _logistic(x: Any) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _log_odds(share: Array) -> Array:
    return np.asarray(np.log(share) - np.log1p(-share))
