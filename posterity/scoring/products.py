"""Score one product on what happened, with its rivals on the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posterity.data.product import Product, column, load_product
from posterity.model.contract import Model, Quantity
from posterity.model.draws import Array
from posterity.registry.versions import Version
from posterity.reported import Reported
from posterity.scoring.baselines import PlainForecast, plain_forecasts
from posterity.scoring.outcomes import in_words, with_reported
from posterity.stats import scores
from posterity.store import ObjectStore, Reference

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.5, 0.9)
SURPRISES = 8


@dataclass(frozen=True)
class Scored:
    """The scores of a product: metrics by name, coverage rows (level, share, low, high), comparisons with rivals, and
    the arrays behind the pictures, one entry per row that was scored (of the first quantity); outcomes: what happened,
    by key, of all quantities."""

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
    outcomes: "pd.DataFrame"
    notes: Sequence[str] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """The figures without the rows, as JSON."""
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


@dataclass(frozen=True)
class _Match:
    """A product matched with what happened: `rows` holds predictions and outcomes of the keys that have both, `places`
    their places in the product."""

    model: Model
    product: Product
    rows: "pd.DataFrame"
    places: NDArray[np.intp]

    def latent(self, quantity: Quantity) -> Array:
        return np.asarray(self.product.latent[quantity.name][self.places])

    def outcome(self, quantity: Quantity) -> Array:
        return self.rows[quantity.name].to_numpy(float)

    def trials(self, quantity: Quantity) -> Array | None:
        return self.rows[quantity.exposure].to_numpy(float) if quantity.exposure else None


def score_product(
    store: ObjectStore,
    model: Model,
    clean: "pd.DataFrame",
    version: Version,
    champion: Version | None,
    reported: Reported | None = None,
) -> Scored | None:
    """Score the product of `version` on the outcomes of its period in `clean`; None where none has arrived.

    What servers were told of keys that `clean` has no outcome of counts as well. The champion, if it is another
    version, and plain forecasts are scored on the same rows.
    """
    product = load_product(store, version.references["product"])
    reported = reported or Reported()
    actuals, used = with_reported(model, model.actuals(clean, product.facts.horizon), reported.actuals)
    match = _matched(model, product, actuals)
    if match.rows.empty:
        return None
    metrics: dict[str, float] = {}
    comparisons: list[dict[str, Any]] = []
    for quantity in model.quantities:
        prefix = f"{quantity.name}." if len(model.quantities) > 1 else ""
        metrics |= {f"{prefix}{name}": value for name, value in _metrics(match, quantity).items()}
        rivals = [_plain_rival(forecast, len(match.rows)) for forecast in _plain(match, quantity, clean)]
        if champion and champion.number != version.number:
            rivals.insert(0, _champion(match, quantity, champion.label, load_product(store, _product_of(champion))))
        comparisons += [_compare(match, quantity, f"{prefix}crps", rival) for rival in rivals]
    metrics |= {name: float(value) for name, value in model.score(match.rows, match.rows).items()}
    notes = [*_missing(len(actuals) - len(match.rows)), *in_words(version.label, reported, used)]
    return _assemble(match, version.label, metrics, comparisons, notes)


def _matched(model: Model, product: Product, actuals: "pd.DataFrame") -> _Match:
    exposures = [quantity.exposure for quantity in model.quantities if quantity.exposure]
    predictions = product.predictions.drop(columns=exposures).assign(_place=np.arange(len(product.predictions)))
    rows = predictions.merge(actuals, on=list(model.keys), how="inner", validate="one_to_one")
    for exposure in exposures:
        rows = rows[rows[exposure] > 0]
    rows = rows.reset_index(drop=True)
    return _Match(model, product, rows.drop(columns="_place"), rows["_place"].to_numpy(np.intp))


def _metrics(match: _Match, quantity: Quantity) -> dict[str, float]:
    """CRPS (mean over rows, weighted with the trials), log score (mean over rows), coverage."""
    latent, outcome, trials = match.latent(quantity), match.outcome(quantity), match.trials(quantity)
    each = scores.crps(latent, outcome, trials)
    coverage = {
        f"coverage_{round(100 * level)}": float(scores.covered(latent, outcome, level, trials).mean())
        for level in LEVELS
    }
    log = float(scores.log_score(latent, outcome, trials).mean())
    return {"crps": float(np.average(each, weights=trials)), "log_score": log, **coverage}


@dataclass(frozen=True)
class _Rival:
    """A rival's latent quantiles for the rows at `at`."""

    name: str
    latent: Array
    at: NDArray[np.intp]


def _product_of(version: Version) -> Reference:
    return version.references["product"]


def _plain(match: _Match, quantity: Quantity, clean: "pd.DataFrame") -> list[PlainForecast]:
    return plain_forecasts(match.model, quantity, clean, match.product.facts.horizon, match.rows)


def _plain_rival(forecast: PlainForecast, rows: int) -> _Rival:
    return _Rival(forecast.name, forecast.values, np.arange(rows))


def _champion(match: _Match, quantity: Quantity, label: str, product: Product) -> _Rival:
    """The champion's forecast for the rows that it has too."""
    keys = list(match.model.keys)
    there = product.predictions[keys].assign(_place=np.arange(len(product.predictions)))
    places = match.rows[keys].merge(there, on=keys, how="left")["_place"]
    known = np.flatnonzero(places.notna().to_numpy())
    return _Rival(f"champion {label}", product.latent[quantity.name][places.iloc[known].to_numpy(np.intp)], known)


def _compare(match: _Match, quantity: Quantity, metric: str, rival: _Rival) -> dict[str, Any]:
    """The paired difference of the CRPS, rows of one value of the first key taken as one cluster."""
    outcome, trials = match.outcome(quantity)[rival.at], match.trials(quantity)
    trials = None if trials is None else trials[rival.at]
    mine = scores.crps(match.latent(quantity)[rival.at], outcome, trials)
    clusters = match.rows[match.model.keys[0]].to_numpy()[rival.at]
    found = scores.paired(mine, scores.crps(rival.latent, outcome, trials), clusters, trials)
    return {"rival": rival.name, "metric": metric, **asdict(found)}


def _assemble(
    match: _Match,
    label: str,
    metrics: Mapping[str, float],
    comparisons: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
) -> Scored:
    first = match.model.quantities[0]
    outcome, trials = match.outcome(first), match.trials(first)
    pit = scores.pit(match.latent(first), outcome, trials)
    period = match.product.facts.horizon
    return Scored(
        version=label,
        title=f"{label} on what happened from {period.valid_from} to {period.valid_until}, {len(match.rows):,} rows",
        metrics=metrics,
        verdict=_verdict(match.model, metrics),
        coverage=[_coverage(level, pit) for level in LEVELS],
        comparisons=comparisons,
        pit=pit,
        predicted=match.rows[column(first.name, "mean")].to_numpy(float),
        observed=outcome,
        trials=trials,
        unit=first.unit,
        surprises=_surprises(match, first, pit),
        outcomes=_outcomes(match),
        notes=notes,
    )


def _outcomes(match: _Match) -> "pd.DataFrame":
    """Keys, quantities and their trials of the rows that were scored."""
    quantities = match.model.quantities
    columns = [name for quantity in quantities for name in (quantity.exposure, quantity.name) if name]
    return match.rows[list(dict.fromkeys([*match.model.keys, *columns]))]


def _missing(count: int) -> list[str]:
    return [f"{count} outcomes have no row in the product and were not scored."] if count else []


def _verdict(model: Model, metrics: Mapping[str, float]) -> str:
    """`pass` when every declared limit holds, `fail` otherwise, empty when none is declared."""
    limits = [metric for metric in model.metrics if metric.name in metrics and metric.limit != type(metric.limit)()]
    if not limits:
        return ""
    return "pass" if all(metric.limit.holds(metrics[metric.name]) for metric in limits) else "fail"


def _coverage(level: float, pit: Array) -> tuple[float, float, float, float]:
    share = float(((pit >= (1 - level) / 2) & (pit <= (1 + level) / 2)).mean())
    return (level, share, *scores.coverage_interval(level, len(pit)))


def _surprises(match: _Match, quantity: Quantity, pit: Array) -> list[tuple[str, str, str, str]]:
    """The rows whose outcome lay farthest out in its predictive distribution."""
    found = []
    for place in np.argsort(-np.abs(pit - 0.5))[:SURPRISES]:
        row = match.rows.iloc[int(place)]
        low, high = row[column(quantity.name, 0.05)], row[column(quantity.name, 0.95)]
        key = " ".join(str(row[name]) for name in match.model.keys)
        predicted, happened = row[column(quantity.name, "mean")], row[quantity.name]
        found.append((key, f"{predicted:.3g}", f"{low:.3g} to {high:.3g}", f"{happened:.3g}"))
    return found


def _overall(values: Array, trials: Array | None) -> float:
    return float(np.average(values, weights=trials))
