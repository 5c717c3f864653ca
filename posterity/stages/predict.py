"""Publish the data product."""

from collections.abc import Iterator
from dataclasses import asdict, replace

import pandas as pd

from posterity.data.posterior import Posterior
from posterity.data.product import column, load_product, publish
from posterity.data.tables import load_table, store_table
from posterity.errors import ModelError
from posterity.model.contract import Model
from posterity.report.product import product_section
from posterity.scoring.explaining import explain_rows
from posterity.scoring.predicting import overlapped, pieces_of, predict_draws, tables_of
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage

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
    # What the rows were predicted from, for servers and for whoever scores new keys.
    predicted_from = store_table(context.store, targets, "targets")
    reference = replace(reference, meta=reference.meta | {"targets": asdict(predicted_from)})
    product = load_product(context.store, reference)
    top = top_rows(model, product.predictions)
    values = {"rows": len(targets), "top": top}
    outputs = {"product": reference, "targets": predicted_from}
    return Result(outputs, values, product_section(product.facts, product.predictions))


def pieces(context: Context, posterior: Posterior, targets: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, ...]]:
    """The product's tables, piece by piece."""
    model, draws, done = context.model, posterior.draws(), 0
    for rows, tables in overlapped(
        pieces_of(targets, len(draws)),
        lambda rows: predict_draws(model, draws, rows),
        lambda rows, predicted: (rows, tables_of(model, predicted, rows, posterior.shape[0])),
    ):
        context.progress(done=done, total=len(targets))
        yield (*tables, explain_rows(model, draws, rows))
        done += len(rows)


def top_rows(model: Model, predictions: pd.DataFrame) -> list[dict[str, object]]:
    """The rows with the largest mean of the first quantity, with their 90 % intervals."""
    quantity = model.quantities[0]
    mean, low, high = (column(quantity.name, statistic) for statistic in ("mean", 0.05, 0.95))
    exposure = [quantity.exposure] if quantity.exposure else []
    top = predictions.nlargest(TOP, mean)[[*model.keys, *exposure, mean, low, high]]
    names = {mean: quantity.name, low: "5 %", high: "95 %"}
    return [{str(name): value for name, value in row.items()} for row in top.rename(columns=names).to_dict("records")]


STAGE = Stage(work, uses=("predict", "explain", "targets", "horizon", "keys", "quantities", "name"))
