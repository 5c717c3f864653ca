"""Predictions of rows from draws, as the product and servers publish them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pandas as pd

from posterity.data.product import LEVELS, column
from posterity.errors import ModelError
from posterity.model.contract import Model, Quantity
from posterity.model.draws import Array, Draws
from posterity.stats.predictive import PredictiveSummary, summarise_binomial, summarise_draws

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")

PIECE = 4_000_000  # numbers of draws × rows worked on at once: 32 MB


def pieces_of(rows: pd.DataFrame, draws: int) -> Iterator[pd.DataFrame]:
    """`rows` in pieces that can be predicted at once from so many draws."""
    size = max(1, PIECE // draws)
    for start in range(0, len(rows), size):
        yield rows.iloc[start : start + size].reset_index(drop=True)


def overlapped(pieces: Iterable[T], predict: Callable[[T], U], finish: Callable[[T, U], V]) -> Iterator[V]:
    """What `finish` makes of each piece and its prediction, in order.

    While it is at work in a thread of its own, the next piece is predicted: two predictions are in memory. `predict`,
    a user's code, is never called by two threads, and a single piece needs no other thread.
    """
    with ThreadPoolExecutor(1) as thread:
        last: tuple[T, U] | None = None
        for piece in pieces:
            finished = thread.submit(finish, *last) if last else None
            predicted = predict(piece)
            if finished:
                yield finished.result()
            last = piece, predicted
        if last:
            yield finish(*last)


def predict_rows(model: Model, draws: Draws, rows: pd.DataFrame, chains: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and latent quantiles of `rows`, with the keys and exposures in front of the predictions."""
    return tables_of(model, predict_draws(model, draws, rows), rows, chains)


def predict_draws(model: Model, draws: Draws, rows: pd.DataFrame) -> dict[str, Array]:
    """The draws (draws, rows) of every quantity. Raises ModelError naming what is wrong with them."""
    predicted, shape = model.predict(draws, rows), (len(draws), len(rows))
    return {quantity.name: check_prediction(model, quantity, predicted, shape) for quantity in model.quantities}


def tables_of(
    model: Model, predicted: Mapping[str, Array], rows: pd.DataFrame, chains: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and latent quantiles of `rows` from the draws of every quantity."""
    exposures = [quantity.exposure for quantity in model.quantities if quantity.exposure]
    columns: dict[str, Array | pd.Series] = {name: rows[name] for name in dict.fromkeys([*model.keys, *exposures])}
    latent: dict[str, Array] = {}
    for quantity in model.quantities:
        summary = summarise(quantity, predicted[quantity.name], rows, chains)
        columns |= statistics(quantity, summary)
        latent |= {f"{quantity.name}_{i:03d}": quantiles for i, quantiles in enumerate(summary.latent.T)}
    return pd.DataFrame(columns), pd.DataFrame(latent)


def summarise(
    quantity: Quantity, values: Array, rows: pd.DataFrame, chains: int, levels: Sequence[float] = LEVELS
) -> PredictiveSummary:
    """The predictive distribution of one quantity, from its draws of shape (draws, rows)."""
    if quantity.exposure:
        return summarise_binomial(values, rows[quantity.exposure].to_numpy(), levels, chains=chains)
    return summarise_draws(values, levels, chains=chains)


def statistics(quantity: Quantity, summary: PredictiveSummary, levels: Sequence[float] = LEVELS) -> dict[str, Array]:
    """The columns of one quantity, from its distribution with quantiles at `levels`."""
    moments = {"mean": summary.mean, "sd": summary.sd, "mcse": summary.mcse}
    named = {column(quantity.name, name): value for name, value in moments.items()}
    return named | {column(quantity.name, level): summary.quantiles[:, i] for i, level in enumerate(levels)}


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
