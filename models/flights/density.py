"""The PyMC model of the flights; `models.flights.model` says what it means and why.

It is written in coordinates in which a diagonal metric serves, so that NUTS takes few steps and nothing diverges.
Neither of the two devices changes the prior or the posterior.

Sums: flights tell the level of an airline well, but not how much of it is the airline's and how much its routes'. What
is sampled is the sum: an effect with the flight-weighted mean of all that is nested in it (`_Cells.shares`).
Months: of an effect that differs from month to month, the mean over the months and their differences are sampled, with
the main effect integrated out; that is drawn from its conditional distribution (`by_month`). Months that happen to be
alike then are no funnel.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

Index = NDArray[np.intp]


def flights_model(
    features: "pd.DataFrame",
    intercept: tuple[float, float],
    main: Mapping[str, float],
    scales: Mapping[str, tuple[float, float]],
) -> "pm.Model":
    """The model of the feature table.

    intercept: mean and sd of its normal prior; main: sd of the main effects of block and origin; scales: shape and
    mean of the gamma prior of each scale.
    """
    import pymc as pm

    cells = _Cells(features)
    with pm.Model(coords=cells.coords) as model:
        sigma = {name: pm.Gamma(name, alpha=shape, beta=shape / mean) for name, (shape, mean) in scales.items()}
        level, month = by_month("month", *intercept, sigma["sigma_month"])
        pm.Deterministic("intercept", level)
        pm.Deterministic("month_effect", month, dims="month")
        pm.Deterministic("month_next", level + sigma["sigma_month"] * pm.Normal("z_next", 0, 1))
        dest = sigma["sigma_dest"] * pm.ZeroSumNormal("z_dest", sigma=1, dims="dest")
        pm.Deterministic("dest_effect", dest, dims="dest")
        route = pm.Normal("route_effect", dest[cells.dest_of_route], sigma["sigma_route"], dims="route")
        carrier, carrier_month = _carriers(cells, route, sigma)
        place = carrier[cells.carrier_of_route] + route
        reference = pm.Deterministic("reference", (cells.route_weights * place).sum())
        block = _zero_sum_by_month("block", main["block"], sigma["sigma_block_month"])
        nested = cells.shares("origin", "route") @ place
        origin = _zero_sum_by_month("origin", main["origin"], sigma["sigma_origin_month"], nested)
        noise = sigma["sigma_cell"] * pm.Normal("z_cell", 0, 1, dims="route_month")
        by_route = (
            (month - reference)[cells.month]
            + origin[cells.month, cells.origin]
            + carrier_month[cells.month, cells.carrier]
            + route[cells.route]
            + noise
        )
        logit = by_route[cells.route_month_of_row] + block[cells.month_of_row, cells.block_of_row]
        pm.Binomial(
            "disrupted",
            n=features["flights"].to_numpy(),
            logit_p=logit,
            observed=features["disrupted"].to_numpy(),
        )
    return model


def by_month(name: str, mean: float, sd: float, sigma: Any, shape: tuple[int, ...] = (), nested: Any = 0) -> Any:
    """A main effect ~ Normal(mean, sd), of the given shape, and its values in all months ~ Normal(main effect, sigma).

    nested: what is sampled is the mean over the months plus this.
    """
    import pymc as pm
    import pytensor.tensor as pt
    from scipy.linalg import helmert

    months = len(pm.modelcontext(None).coords["month"])
    variance = sd**2 + sigma**2 / months
    average = pm.Normal(f"{name}_average", mean + nested, pt.sqrt(variance), shape=shape) - nested
    differences = pm.Normal(f"{name}_differences", 0, sigma, shape=(months - 1, *shape))
    known = sd**2 / variance
    rest = sd * pt.sqrt(1 - known) * pm.Normal(f"z_{name}", 0, 1, shape=shape)
    return mean + known * (average - mean) + rest, average + pt.tensordot(helmert(months).T, differences, axes=1)


def _zero_sum_by_month(name: str, sd: float, sigma: Any, nested: Any = None) -> Any:
    """The effect of each level in each month, around a main effect; both sum to zero over the levels.

    Written in an orthonormal basis of the vectors that sum to zero, in which a ZeroSumNormal is a plain normal.
    nested: of each level, see `by_month`.
    """
    import pymc as pm
    from scipy.linalg import helmert

    basis = helmert(len(pm.modelcontext(None).coords[name]))
    nested = 0 if nested is None else basis @ nested
    main, monthly = by_month(name, 0, sd, sigma, basis.shape[:1], nested)
    pm.Deterministic(f"{name}_effect", main @ basis, dims=name)
    return pm.Deterministic(f"{name}_month", monthly @ basis, dims=("month", name))


def _carriers(cells: "_Cells", route: Any, sigma: Mapping[str, Any]) -> tuple[Any, Any]:
    """The main effect of each carrier, and its effect in each month; both sum to zero over the carriers."""
    import pymc as pm
    from scipy.linalg import helmert

    basis = helmert(len(cells.coords["carrier"]))
    z = pm.ZeroSumNormal("z_carrier_month", sigma=1, dims=("month", "carrier"), n_zerosum_axes=1)
    deviation = sigma["sigma_carrier_month"] * z
    by_carrier = cells.shares("carrier", "route") @ route + (cells.shares("carrier", "month") * deviation.T).sum(axis=1)
    nested = basis @ by_carrier
    total = pm.Normal("carrier_total", nested, sigma["sigma_carrier"], shape=basis.shape[:1])
    carrier = pm.Deterministic("carrier_effect", (total - nested) @ basis, dims="carrier")
    return carrier, pm.Deterministic("carrier_month", carrier + deviation, dims=("month", "carrier"))


class _Cells:
    """Labels and integer codes: of the rows of the features, of each route × month, and of each route."""

    def __init__(self, features: "pd.DataFrame") -> None:
        import pandas as pd

        rows = features[["carrier", "origin", "dest", "month", "block", "flights"]].copy()
        rows["route"] = rows["carrier"] + "-" + rows["origin"] + "-" + rows["dest"]
        rows["route_month"] = rows["route"] + " " + rows["month"]
        names = ("month", "block", "origin", "carrier", "dest", "route", "route_month")
        self.coords = {name: sorted(rows[name].unique()) for name in names}
        self._rows = rows

        def codes(table: "pd.DataFrame", name: str) -> Index:
            return np.asarray(pd.Index(self.coords[name]).get_indexer(table[name]), dtype=np.intp)

        self.route_month_of_row = codes(rows, "route_month")
        self.month_of_row, self.block_of_row = codes(rows, "month"), codes(rows, "block")
        pairs = rows.drop_duplicates("route_month").sort_values("route_month")
        self.month, self.origin = codes(pairs, "month"), codes(pairs, "origin")
        self.carrier, self.route = codes(pairs, "carrier"), codes(pairs, "route")
        routes = rows.drop_duplicates("route").sort_values("route")
        self.carrier_of_route, self.dest_of_route = codes(routes, "carrier"), codes(routes, "dest")
        flights = rows.groupby("route")["flights"].sum().to_numpy(float)
        self.route_weights = flights / flights.sum()

    def shares(self, of: str, over: str) -> NDArray[np.float64]:
        """How the flights of each level of `of` spread over those of `over`, shape (of, over); rows sum to 1."""
        flights = self._rows.pivot_table("flights", of, over, aggfunc="sum", fill_value=0).to_numpy(float)
        return np.asarray(flights / flights.sum(axis=1, keepdims=True))
