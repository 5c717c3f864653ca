"""Score one product on what happened, with its rivals on the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity.data.product import Product, column, load_product
from posterity.model.contract import Model, Quantity
from posterity.model.draws import Array
from posterity.registry.versions import Version
from posterity.scoring.baselines import plain_forecasts
from posterity.stats import scores
from posterity.store import ObjectStore

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.5, 0.9)
SURPRISES = 8


@dataclass(frozen=True)
class Scored:
    """The scores of a product: metrics by name, coverage rows (level, share, low, high), comparisons with rivals, and
    the arrays behind the pictures, one entry per row that was scored (of the first quantity)."""

    version: str
    title: str
    metrics: Mapping[str, float]
    verdict: str
    coverage: Sequence[tuple[float, float, float, float]]
    comparisons: Sequence[Mapping[str, Any]]
    pit: Array
    predicted: Array
    observed: Array
    trials: Array | None
    unit: str
    surprises: Sequence[tuple[str, str, str, str]]
    notes: Sequence[str] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """The figures without the arrays, as JSON."""
        return {
            "version": self.version,
            "metrics": dict(self.metrics),
            "verdict": self.verdict,
            "coverage": [list(row) for row in self.coverage],
            "comparisons": [dict(row) for row in self.comparisons],
            "rows": len(self.observed),
            "predicted_mean": _overall(self.predicted, self.trials),
            "observed_mean": _overall(self.observed, self.trials),
        }


def score_product(
    store: ObjectStore, model: Model, clean: "pd.DataFrame", version: Version, champion: Version | None
) -> Scored | None:
    """Score the product of `version` on the outcomes of its period in `clean`; None where none has arrived.

    The champion, if it is another version, and plain forecasts are scored on the same rows.
    """
    product = load_product(store, version.references["product"])
    actuals = model.actuals(clean, product.facts.horizon)
    rows, places = _joined(model, product, actuals)
    if rows.empty:
        return None
    metrics: dict[str, float] = {}
    comparisons: list[dict[str, Any]] = []
    several = len(model.quantities) > 1
    for quantity in model.quantities:
        prefix = f"{quantity.name}." if several else ""
        latent = product.latent[quantity.name][places]
        metrics |= {f"{prefix}{name}": value for name, value in _metrics(quantity, latent, rows).items()}
        rivals = _rivals(store, model, clean, version, champion, quantity, rows, product)
        comparisons += [_compare(model, quantity, f"{prefix}crps", latent, rows, *rival) for rival in rivals]
    metrics |= {name: float(value) for name, value in model.score(rows, rows).items()}
    return _assemble(model, product, version, rows, places, metrics, comparisons, len(actuals))


def _joined(model: Model, product: Product, actuals: "pd.DataFrame") -> "tuple[pd.DataFrame, np.ndarray]":  # type: ignore[type-arg]
    """Predictions and outcomes of the keys that have both, and the place of each in the product."""
    exposures = [quantity.exposure for quantity in model.quantities if quantity.exposure]
    predictions = product.predictions.drop(columns=exposures).assign(_place=np.arange(len(product.predictions)))
    rows = predictions.merge(actuals, on=list(model.keys), how="inner", validate="one_to_one")
    for exposure in exposures:
        rows = rows[rows[exposure] > 0]
    rows = rows.reset_index(drop=True)
    return rows.drop(columns="_place"), rows["_place"].to_numpy()


def _trials(quantity: Quantity, rows: "pd.DataFrame") -> Array | None:
    return rows[quantity.exposure].to_numpy(float) if quantity.exposure else None


def _metrics(quantity: Quantity, latent: Array, rows: "pd.DataFrame") -> dict[str, float]:
    """CRPS and log score (means over rows, weighted with the trials for the CRPS), coverage."""
    outcome, trials = rows[quantity.name].to_numpy(float), _trials(quantity, rows)
    each = scores.crps(latent, outcome, trials)
    coverage = {
        f"coverage_{round(100 * level)}": float(scores.covered(latent, outcome, level, trials).mean()) for level in LEVELS
    }
    log = float(scores.log_score(latent, outcome, trials).mean())
    return {"crps": float(np.average(each, weights=trials)), "log_score": log, **coverage}


def _rivals(
    store: ObjectStore,
    model: Model,
    clean: "pd.DataFrame",
    version: Version,
    champion: Version | None,
    quantity: Quantity,
    rows: "pd.DataFrame",
    product: Product,
) -> list[tuple[str, Array, Array]]:
    """Name, latent quantiles, and which rows they are of, for everything the product is held against."""
    everywhere = np.arange(len(rows))
    plain = plain_forecasts(model, quantity, clean, product.facts.horizon, rows)
    rivals = [(forecast.name, forecast.values, everywhere) for forecast in plain]
    if champion and champion.number != version.number:
        other = load_product(store, champion.references["product"])
        keys = list(model.keys)
        there = other.predictions[keys].assign(_other=np.arange(len(other.predictions)))
        matched = rows[keys].merge(there, on=keys, how="left")["_other"]
        known = matched.notna().to_numpy()
        places = matched[known].to_numpy(int)
        rivals.insert(0, (f"champion {champion.label}", other.latent[quantity.name][places], everywhere[known]))
    return rivals


def _compare(
    model: Model, quantity: Quantity, metric: str, latent: Array, rows: "pd.DataFrame", rival: str, other: Array, at: Array
) -> dict[str, Any]:
    """The paired difference of the CRPS, rows of one value of the first key taken as one cluster."""
    part = rows.iloc[at]
    outcome, trials = part[quantity.name].to_numpy(float), _trials(quantity, part)
    mine = scores.crps(latent[at], outcome, trials)
    found = scores.paired(mine, scores.crps(other, outcome, trials), part[model.keys[0]].to_numpy(), trials)
    return {
        "rival": rival,
        "metric": metric,
        "difference": found.difference,
        "standard_error": found.standard_error,
        "verdict": found.verdict,
    }


def _assemble(
    model: Model,
    product: Product,
    version: Version,
    rows: "pd.DataFrame",
    places: "np.ndarray",  # type: ignore[type-arg]
    metrics: Mapping[str, float],
    comparisons: Sequence[Mapping[str, Any]],
    arrived: int,
) -> Scored:
    first = model.quantities[0]
    outcome, trials = rows[first.name].to_numpy(float), _trials(first, rows)
    latent = product.latent[first.name][places]
    pit = scores.pit(latent, outcome, trials)
    period = product.facts.horizon
    missing = arrived - len(rows)
    return Scored(
        version=version.label,
        title=f"{version.label} on what happened from {period.valid_from} to {period.valid_until}, {len(rows):,} rows",
        metrics=metrics,
        verdict=_verdict(model, metrics),
        coverage=[_coverage(level, pit) for level in LEVELS],
        comparisons=comparisons,
        pit=pit,
        predicted=rows[column(first.name, "mean")].to_numpy(float),
        observed=outcome,
        trials=trials,
        unit=first.unit,
        surprises=_surprises(model, first, rows, pit),
        notes=[f"{missing} outcomes have no row in the product and were not scored."] if missing else [],
    )


def _verdict(model: Model, metrics: Mapping[str, float]) -> str:
    """`pass` when every declared limit holds, `fail` otherwise, empty when none is declared."""
    limits = [metric for metric in model.metrics if metric.name in metrics and metric.limit != type(metric.limit)()]
    if not limits:
        return ""
    return "pass" if all(metric.limit.holds(metrics[metric.name]) for metric in limits) else "fail"


def _coverage(level: float, pit: Array) -> tuple[float, float, float, float]:
    share = float(((pit >= (1 - level) / 2) & (pit <= (1 + level) / 2)).mean())
    return (level, share, *scores.coverage_interval(level, len(pit)))


def _surprises(model: Model, quantity: Quantity, rows: "pd.DataFrame", pit: Array) -> list[tuple[str, str, str, str]]:
    """The rows whose outcome lay farthest out in its predictive distribution."""
    order = np.argsort(-np.abs(pit - 0.5))[:SURPRISES]
    found = []
    for place in order:
        row = rows.iloc[int(place)]
        low, high = row[column(quantity.name, 0.05)], row[column(quantity.name, 0.95)]
        key = " ".join(str(row[name]) for name in model.keys)
        predicted, happened = row[column(quantity.name, "mean")], row[quantity.name]
        found.append((key, f"{predicted:.3g}", f"{low:.3g} to {high:.3g}", f"{happened:.3g}"))
    return found


def _overall(values: Array, trials: Array | None) -> float:
    return float(np.average(values, weights=trials))
