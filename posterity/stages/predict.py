"""Publish the data product."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from posterity.data.posterior import Posterior
from posterity.data.product import LATENT, LEVELS, column, load_product, publish
from posterity.data.tables import load_table
from posterity.errors import ModelError
from posterity.model.contract import Model, Quantity
from posterity.model.draws import Array, Draws
from posterity.report.product import product_section
from posterity.scoring.explaining import explain_rows
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage
from posterity.stats.predictive import latent_quantiles, summarise_binomial, summarise_draws

PIECE = 8_000_000  # numbers of draws × rows held at once: 64 MB
TOP = 10


def work(context: Context) -> Result:
    """Predict every target, a piece of the rows at a time."""
    model, as_of = context.model, parse_day(context.inputs["as_of"])
    posterior = Posterior.from_netcdf(context.reference("posterior").fetch(context.store))
    targets = model.targets(load_table(context.store, context.reference("clean")), as_of)
    if targets.empty:
        raise ModelError(f"model {model.name} has no targets after {as_of}; there is nothing to predict")
    horizon = model.horizon(as_of)
    facts = {
        "model": model.name,
        "as_of": as_of,
        "valid_from": horizon.valid_from,
        "valid_until": horizon.valid_until,
        "keys": model.keys,
        "quantities": model.quantities,
        "posterior": context.reference("posterior").sha256,
    }
    reference = publish(context.store, pieces(context, posterior, targets), facts)
    product = load_product(context.store, reference)
    top = top_rows(model, product.predictions)
    return Result(
        {"product": reference}, {"rows": len(targets), "top": top}, product_section(product.facts, product.predictions)
    )


def pieces(context: Context, posterior: Posterior, targets: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, ...]]:
    """The product's tables, piece by piece."""
    draws = posterior.draws()
    chains = posterior.shape[0]
    size = max(1, PIECE // len(draws))
    for start in range(0, len(targets), size):
        context.progress(done=start, total=len(targets))
        rows = targets.iloc[start : start + size].reset_index(drop=True)
        yield (*predict_rows(context.model, draws, rows, chains), explain_rows(context.model, draws, rows))


def predict_rows(model: Model, draws: Draws, rows: pd.DataFrame, chains: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and latent quantiles of `rows`, with the keys and exposures in front of the predictions."""
    predicted = model.predict(draws, rows)
    exposures = [quantity.exposure for quantity in model.quantities if quantity.exposure]
    columns: dict[str, Array | pd.Series] = {name: rows[name] for name in dict.fromkeys([*model.keys, *exposures])}
    latent: dict[str, Array] = {}
    for quantity in model.quantities:
        values = check_prediction(model, quantity, predicted, (len(draws), len(rows)))
        columns |= statistics(quantity, values, rows, chains)
        quantiles = latent_quantiles(values, LATENT)
        latent |= {f"{quantity.name}_{i:03d}": quantiles[:, i] for i in range(LATENT)}
    return pd.DataFrame(columns), pd.DataFrame(latent)


def statistics(quantity: Quantity, values: Array, rows: pd.DataFrame, chains: int) -> dict[str, Array]:
    """The columns of one quantity, from its draws of shape (draws, rows)."""
    if quantity.exposure:
        trials = rows[quantity.exposure].to_numpy()
        summary = summarise_binomial(values, trials, LEVELS, chains=chains)
    else:
        summary = summarise_draws(values, LEVELS, chains=chains)
    moments = {"mean": summary.mean, "sd": summary.sd, "mcse": summary.mcse}
    named = {column(quantity.name, name): value for name, value in moments.items()}
    return named | {column(quantity.name, level): summary.quantiles[:, i] for i, level in enumerate(LEVELS)}


def check_prediction(model: Model, quantity: Quantity, predicted: object, shape: tuple[int, int]) -> Array:
    """The draws of `quantity`, or ModelError naming what is wrong with them."""
    if not isinstance(predicted, dict) or quantity.name not in predicted:
        raise ModelError(f"predict of model {model.name} gave no {quantity.name!r}; it must give every quantity")
    values = np.asarray(predicted[quantity.name], dtype=float)
    if values.shape != shape:
        raise ModelError(
            f"predict of model {model.name} gave {quantity.name} with shape {values.shape}, not (draws, rows) = {shape}"
        )
    if not np.isfinite(values).all():
        row = int(np.argmax(~np.isfinite(values).all(axis=0)))
        raise ModelError(
            f"predict of model {model.name} gave NaN or infinities for {quantity.name}, first in row {row}"
        )
    if quantity.exposure and not ((values >= 0) & (values <= 1)).all():
        raise ModelError(f"predict of model {model.name} gave {quantity.name} outside 0 to 1, but it is a probability")
    return values


def top_rows(model: Model, predictions: pd.DataFrame) -> list[dict[str, object]]:
    """The rows with the largest mean of the first quantity, with their 90 % intervals."""
    quantity = model.quantities[0]
    mean, low, high = (column(quantity.name, statistic) for statistic in ("mean", 0.05, 0.95))
    exposure = [quantity.exposure] if quantity.exposure else []
    top = predictions.nlargest(TOP, mean)[[*model.keys, *exposure, mean, low, high]]
    names = {mean: quantity.name, low: "5 %", high: "95 %"}
    return [{str(name): value for name, value in row.items()} for row in top.rename(columns=names).to_dict("records")]


STAGE = Stage(work, uses=("predict", "explain", "targets", "horizon", "keys", "quantities", "name"))
