"""Plain forecasts that a model has to beat: the last period again, and a scikit-learn regression on the keys.

Both forecasts are made from what was known on the day of the product that is scored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from posterity.model.contract import Horizon, Model, Quantity
from posterity.model.draws import Array

PERIODS = 12  # how far back the classifier looks
LONGEST = 400  # days; a period is not longer


@dataclass(frozen=True)
class PlainForecast:
    """A rival's forecast for the rows that are scored.

    values: latent quantiles of shape (rows, levels), in the form of a product: probabilities where the quantity has
    an exposure, else quantiles of the number itself.
    """

    name: str
    values: Array


def plain_forecasts(
    model: Model, quantity: Quantity, clean: pd.DataFrame, period: Horizon, rows: pd.DataFrame
) -> list[PlainForecast]:
    """The forecasts that can be made for `rows` (keys and outcomes of `period`); none without an earlier period."""
    past = past_outcomes(model, clean, period)
    if not past:
        return []
    return [
        PlainForecast("last period", _last_period(model, quantity, past[0], rows)),
        PlainForecast("scikit-learn", _regression(model, quantity, pd.concat(past, ignore_index=True), rows)),
    ]


def past_outcomes(model: Model, clean: pd.DataFrame, period: Horizon) -> list[pd.DataFrame]:
    """What happened in the periods before `period`, the latest first."""
    found: list[pd.DataFrame] = []
    before = _previous(model, period)
    while before and len(found) < PERIODS:
        table = model.actuals(clean, before)
        if table.empty:
            break
        found.append(table)
        before = _previous(model, before)
    return found


def _previous(model: Model, period: Horizon) -> Horizon | None:
    """The period that ends on the day before `period` begins, if some day predicts it."""
    last = period.valid_from - timedelta(days=1)
    candidates = (model.horizon(last - timedelta(days=back)) for back in range(1, LONGEST))
    return next((candidate for candidate in candidates if candidate.valid_until == last), None)


def _last_period(model: Model, quantity: Quantity, last: pd.DataFrame, rows: pd.DataFrame) -> Array:
    """Each key's outcome of the period before; for a key that was not there, the outcome of all keys together.

    A share is shrunk towards that of all keys by one trial, so that no share is exactly 0 or 1.
    """
    keys = list(model.keys)
    weights = _weights(quantity, last)
    overall = float(np.average(last[quantity.name], weights=weights))
    joined = rows[keys].merge(last.assign(_weight=weights), on=keys, how="left")
    value = joined[quantity.name].fillna(overall).to_numpy(float)
    if quantity.exposure:
        trials = joined["_weight"].fillna(0).to_numpy(float)
        return np.asarray(((value * trials + overall) / (trials + 1))[:, None])
    spread = np.quantile(last[quantity.name] - overall, _levels())
    return np.asarray(value[:, None] + spread[None, :])


def _regression(model: Model, quantity: Quantity, past: pd.DataFrame, rows: pd.DataFrame) -> Array:
    """Logistic (shares) or ridge (numbers) regression on one-hot keys."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    keys = list(model.keys)
    encoder = OneHotEncoder(handle_unknown="ignore")
    known, wanted = past[keys].astype(str), rows[keys].astype(str)
    if not quantity.exposure:
        ridge = make_pipeline(encoder, Ridge()).fit(known, past[quantity.name])
        spread = np.quantile(past[quantity.name] - ridge.predict(known), _levels())
        return np.asarray(ridge.predict(wanted)[:, None] + spread[None, :])
    trials = past[quantity.exposure].to_numpy(float)
    events = past[quantity.name].to_numpy(float) * trials
    classifier = make_pipeline(encoder, LogisticRegression(max_iter=1000))
    doubled = pd.concat([known, known], ignore_index=True)
    outcome = np.repeat([1, 0], len(past))
    weights = np.concatenate([events, trials - events])
    classifier.fit(doubled, outcome, logisticregression__sample_weight=weights)
    return np.asarray(classifier.predict_proba(wanted)[:, 1:])


def _weights(quantity: Quantity, table: pd.DataFrame) -> Array:
    return table[quantity.exposure].to_numpy(float) if quantity.exposure else np.ones(len(table))


def _levels() -> Array:
    return (np.arange(100) + 0.5) / 100


def outcomes(quantity: Quantity, actuals: pd.DataFrame) -> Mapping[str, Array | None]:
    """The outcome of each row and its number of trials (None for a quantity without exposure)."""
    trials = actuals[quantity.exposure].to_numpy(float) if quantity.exposure else None
    return {"outcome": actuals[quantity.name].to_numpy(float), "trials": trials}
