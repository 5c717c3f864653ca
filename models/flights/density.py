"""The PyMC model of the flights; `models.flights.model` says what it means and why."""

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
        level = pm.Normal("intercept", *intercept)
        month = pm.Normal("month_effect", level, sigma["sigma_month"], dims="month")
        pm.Deterministic("month_next", level + sigma["sigma_month"] * pm.Normal("z_next", 0, 1))
        block = _by_month("block", main["block"], sigma["sigma_block_month"])
        origin = _by_month("origin", main["origin"], sigma["sigma_origin_month"])
        carrier = pm.ZeroSumNormal("carrier_effect", sigma=sigma["sigma_carrier"], dims="carrier")
        deviation = pm.ZeroSumNormal("z_carrier_month", sigma=1, dims=("month", "carrier"), n_zerosum_axes=1)
        carrier_month = pm.Deterministic(
            "carrier_month", carrier + sigma["sigma_carrier_month"] * deviation, dims=("month", "carrier")
        )
        dest = sigma["sigma_dest"] * pm.ZeroSumNormal("z_dest", sigma=1, dims="dest")
        pm.Deterministic("dest_effect", dest, dims="dest")
        route = pm.Normal("route_effect", dest[cells.dest_of_route], sigma["sigma_route"], dims="route")
        place = carrier[cells.carrier_of_route] + route
        reference = pm.Deterministic("reference", (cells.route_weights * place).sum())
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


def _by_month(name: str, sd: float, sigma: Any) -> Any:
    """The effect of each level in each month, around a main effect; both sum to zero over the levels.

    Written in an orthonormal basis of the vectors that sum to zero, in which a ZeroSumNormal is a plain normal and can
    be centred on another one.
    """
    import pymc as pm
    from scipy.linalg import helmert

    model = pm.modelcontext(None)
    levels = len(model.coords[name])
    basis = helmert(levels)
    contrast = pm.Normal(f"{name}_contrast", 0, sd, shape=levels - 1)
    pm.Deterministic(f"{name}_effect", contrast @ basis, dims=name)
    shape = (len(model.coords["month"]), levels - 1)
    monthly = pm.Normal(f"{name}_month_contrast", contrast, sigma, shape=shape)
    return pm.Deterministic(f"{name}_month", monthly @ basis, dims=("month", name))


class _Cells:
    """Labels and integer codes: of the rows of the features, of each route × month, and of each route."""

    def __init__(self, features: "pd.DataFrame") -> None:
        import pandas as pd

        rows = features[["carrier", "origin", "dest", "month", "block", "flights"]].copy()
        rows["route"] = rows["carrier"] + "-" + rows["origin"] + "-" + rows["dest"]
        rows["route_month"] = rows["route"] + " " + rows["month"]
        names = ("month", "block", "origin", "carrier", "dest", "route", "route_month")
        self.coords = {name: sorted(rows[name].unique()) for name in names}

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
