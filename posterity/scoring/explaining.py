"""What each effect contributes to the predictions of rows, as a product keeps it."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from posterity.data.product import Effect
from posterity.errors import ModelError
from posterity.model.contract import Contributions, Model
from posterity.model.draws import Array, Draws

DRAWS = 1000  # at most; means and 90 % intervals of contributions are for people to look at
CHECKED = 16  # rows of a piece whose contributions are added up and compared with the prediction
TOLERANCE = 1e-6

LINKS: Mapping[str, Callable[[Array], Array]] = {
    "identity": lambda values: values,
    "log": np.log,
    "logit": lambda values: np.log(values) - np.log1p(-values),
}


def explain_rows(model: Model, draws: Draws, rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and 90 % interval of each contribution, one row for each of `rows`; no columns where the model explains
    nothing.

    Raises ModelError where contributions have another shape than predictions or do not add up to them.
    """
    if type(model).explain is Model.explain:
        return pd.DataFrame(index=range(len(rows)))
    draws = draws.thin(DRAWS)
    found = dict(model.explain(draws, rows))
    predicted = model.predict(draws, rows.head(CHECKED))
    columns: dict[str, Array] = {}
    for name, contributions in found.items():
        if name not in predicted or contributions.link not in LINKS or not contributions.parts:
            raise ModelError(
                f"explain of model {model.name} gave {name!r} with the link {contributions.link!r}: it must be a "
                f"quantity with some parts and a link of {', '.join(LINKS)}"
            )
        _check(model, name, contributions, np.asarray(predicted[name]), (len(draws), len(rows)))
        columns |= _statistics(name, contributions)
    return pd.DataFrame(columns)


def _check(model: Model, name: str, found: Contributions, predicted: Array, shape: tuple[int, int]) -> None:
    """Raise ModelError unless the parts have the right shape and add up."""
    for part, values in found.parts.items():
        if np.shape(values) != shape:
            raise ModelError(
                f"explain of model {model.name} gave {part!r} of {name} with shape {np.shape(values)}, not (draws, "
                f"rows) = {shape}"
            )
    total = np.sum([np.asarray(values)[:, :CHECKED] for values in found.parts.values()], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = LINKS[found.link](predicted)
    alike = np.isclose(total, wanted, rtol=TOLERANCE, atol=TOLERANCE)
    if not alike.all():
        draw, row = np.argwhere(~alike)[0]
        raise ModelError(
            f"explain of model {model.name}: the parts of {name} do not add up to predict on the {found.link} scale "
            f"({total[draw, row]:.6g} instead of {wanted[draw, row]:.6g} in row {row}); every part of the prediction, "
            "noise included, has to be among them"
        )


def _statistics(name: str, found: Contributions) -> dict[str, Array]:
    columns: dict[str, Array] = {}
    for part, values in found.parts.items():
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        for statistic, column in zip(("mean", "q05", "q95"), (np.mean(values, axis=0), low, high), strict=True):
            columns[Effect(name, found.link, part, statistic).column] = column.astype(np.float32)
    return columns
