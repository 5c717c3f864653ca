"""A year of runs, one after the other, and what came of them: products, outcomes, coverage, drift verdicts."""

import json
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity.data.posterior import Posterior
from posterity.data.product import Product, column, load_product
from posterity.data.tables import load_table
from posterity.model.contract import Array, Horizon, Model, Quantity
from posterity.registry import versions
from posterity.registry.versions import Version
from posterity.report.history import Period, Point
from posterity.runs import RunLog
from posterity.store import ObjectStore

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
SHOWN = 4  # rows of the product that are drawn beside the overall figure


@dataclass(frozen=True)
class Month:
    """One run of the year: its version, or why there is none."""

    as_of: date
    version: Version | None
    rejected: str = ""


def month_ends(first: date, last: date) -> Iterator[date]:
    """The last days of the months from `first` to `last`, `first` moved to the end of its month."""
    year, month = first.year, first.month
    while (day := date(year, month, monthrange(year, month)[1])) <= last:
        yield day
        year, month = year + month // 12, month % 12 + 1


def outcome(log: RunLog, as_of: date) -> Month:
    """What a run that has ended left."""
    registered = next((record.values for record in log.stages() if record.stage == "register"), {})
    failed = log.failure
    if (failed and failed.error) or "version" not in registered:
        return Month(as_of, None, failed.error.message if failed and failed.error else log.state())
    return Month(as_of, versions.get(log.store, registered["version"]))


def periods(store: ObjectStore, model: Model, months: Sequence[Month]) -> list[Period]:
    """The months as `posterity.report.history` draws them; outcomes are those that the newest snapshot knows."""
    made = [month.version for month in months if month.version]
    if not made:
        return [_empty(model, month) for month in months]
    known = load_table(store, made[-1].references["clean"])
    coverage = _coverage(store, made)
    rows = _largest(model, load_product(store, made[-1].references["product"]), _targets(store, model, made[-1]))
    found = []
    for month in months:
        if month.version is None:
            found.append(_empty(model, month))
            continue
        actuals = model.actuals(known, model.horizon(month.as_of))
        series = _series(store, model, month.version, actuals, rows)
        version: Any = month.version
        scored = coverage.get(version.label, {})
        start = date.fromisoformat(version.valid_from)
        found.append(Period(month.as_of, start, series, scored, version.gate, version.drift))
    return found


def _empty(model: Model, month: Month) -> Period:
    horizon: Horizon = model.horizon(month.as_of)
    return Period(month.as_of, horizon.valid_from, {}, {}, "fail", "no-baseline", month.rejected)


def _coverage(store: ObjectStore, made: Sequence[Version]) -> dict[str, dict[float, float]]:
    """Version → level → share of its outcomes inside, from the scores of later runs."""
    scores = [json.loads(version.references["scores"].fetch(store)) for version in made]
    return {item["version"]: {row[0]: row[1] for row in item.get("coverage", [])} for item in scores if item["version"]}


def _targets(store: ObjectStore, model: Model, version: Version) -> "pd.DataFrame":
    clean = load_table(store, version.references["clean"])
    return model.targets(clean, date.fromisoformat(version.as_of)).reset_index(drop=True)


def _largest(model: Model, product: Product, targets: "pd.DataFrame") -> list[tuple[Any, ...]]:
    """The keys of the rows that count most: by their trials, or else by what is predicted."""
    quantity = model.quantities[0]
    table = targets if quantity.exposure else product.predictions
    by = quantity.exposure or column(quantity.name, "mean")
    largest = table.nlargest(SHOWN, by)[list(model.keys)]
    return list(largest.itertuples(index=False, name=None))


def _series(
    store: ObjectStore, model: Model, version: Version, actuals: "pd.DataFrame", rows: Sequence[tuple[Any, ...]]
) -> dict[str, Point]:
    quantity = model.quantities[0]
    product = load_product(store, version.references["product"]).predictions.set_index(list(model.keys))
    happened = actuals.set_index(list(model.keys))[quantity.name] if len(actuals) else None
    series = {"overall": _overall(store, model, version, actuals)}
    for key in rows:
        label = key if len(key) > 1 else key[0]
        if label in product.index:
            levels = [float(product.loc[label, column(quantity.name, level)]) for level in LEVELS]
            actual = float(happened[label]) if happened is not None and label in happened.index else None
            series[" ".join(map(str, key))] = _point(levels, actual)
    return series


def _overall(store: ObjectStore, model: Model, version: Version, actuals: "pd.DataFrame") -> Point:
    """The quantity over all rows, weighted with their trials, from the joint draws of all rows."""
    quantity = model.quantities[0]
    draws = Posterior.from_netcdf(version.references["posterior"].fetch(store)).draws().thin(1000)
    targets = _targets(store, model, version)
    values = np.asarray(model.predict(draws, targets)[quantity.name], dtype=float)
    total = _simulated(values, quantity, targets)
    levels = [float(value) for value in np.quantile(total, LEVELS)]
    if actuals.empty:
        return _point(levels, None)
    weights = actuals[quantity.exposure] if quantity.exposure else None
    return _point(levels, float(np.average(actuals[quantity.name], weights=weights)))


def _point(levels: Sequence[float], actual: float | None) -> Point:
    q05, q25, q50, q75, q95 = levels
    return Point(q05, q25, q50, q75, q95, actual)


def _simulated(values: Array, quantity: Quantity, targets: "pd.DataFrame") -> Array:
    """Draws of the overall figure, shape (draws,); events are drawn where the quantity is a probability."""
    if not quantity.exposure:
        return np.asarray(values.mean(axis=1))
    trials = targets[quantity.exposure].to_numpy(np.int64)
    events = np.random.default_rng(1).binomial(trials, values)
    return np.asarray(events.sum(axis=1) / trials.sum())


def as_rows(found: Sequence[Period]) -> list[Mapping[str, Any]]:
    """The overall figures as rows of a table."""
    rows: list[Mapping[str, Any]] = []
    for item in found:
        point = item.series.get("overall")
        rows.append(
            {
                "as of": item.as_of.isoformat(),
                "median": point.q50 if point else None,
                "5 %": point.q05 if point else None,
                "95 %": point.q95 if point else None,
                "happened": point.actual if point else None,
                "coverage 90 %": item.coverage.get(0.9),
                "drift": item.drift if not item.rejected else f"rejected: {item.rejected}",
            }
        )
    return rows
