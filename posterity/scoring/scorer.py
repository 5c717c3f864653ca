"""Score new rows from the draws of a registered version, by the model's own `predict`: servers, files, probes.

Nothing here needs PyMC or JAX. What is asked of a row is what the product publishes of it (mean, sd, MCSE, quantiles)
and, for thresholds, the probability of exceeding them; a row that was published gives the published numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from posterity.data.posterior import Posterior
from posterity.data.product import LEVELS, column
from posterity.data.tables import load_table
from posterity.errors import ModelError, SettingsError
from posterity.model.contract import Draws
from posterity.model.draws import Array
from posterity.model.isolated import IsolatedModel
from posterity.registry.versions import Version
from posterity.scoring.columns import Columns, check_column
from posterity.scoring.predicting import overlapped, pieces_of, predict_draws, statistics, summarise
from posterity.stats.predictive import exceedance_binomial, exceedance_draws
from posterity.store import ObjectStore, Reference

EXCEEDS = "exceeds"


@dataclass(frozen=True)
class Question:
    """What is asked of each row: the levels of quantiles, and quantity → threshold."""

    levels: tuple[float, ...] = LEVELS
    thresholds: Mapping[str, float] = field(default_factory=dict)


class Scorer:
    """A version's code and draws, loaded once.

    targets: the table that the product was predicted from; types: its columns, in their order, with their types.
    """

    def __init__(self, label: str, code: IsolatedModel, posterior: Posterior, targets: pd.DataFrame) -> None:
        self.label = label
        self.model = code.model
        self.targets = targets
        self.types: dict[str, Any] = {str(name): dtype for name, dtype in targets.dtypes.items()}
        self._code = code
        self._draws: Draws = posterior.draws()
        self._chains = posterior.shape[0]

    @property
    def nbytes(self) -> int:
        """Memory that draws and targets take."""
        draws = sum(int(value.nbytes) for value in self._draws.values.values())
        return draws + int(self.targets.memory_usage(deep=True).sum())

    def outputs(self, question: Question) -> list[str]:
        """The names of the columns that `score` gives beside the keys."""
        names: list[str] = []
        for quantity in self.model.quantities:
            names += [column(quantity.name, moment) for moment in ("mean", "sd", "mcse")]
            names += [column(quantity.name, level) for level in question.levels]
            names += [column(quantity.name, EXCEEDS)] if quantity.name in question.thresholds else []
        return names

    def complete(self, given: Mapping[str, Sequence[Any]]) -> Columns:
        """`given` (column → values) as columns of the targets, all of them and of their types.

        Keys must be there. What else is missing is taken from the version's own targets, for keys that it has.
        Raises SettingsError naming the column and the row that cannot be completed or is no value.
        """
        if unknown := [name for name in given if name not in self.types]:
            there = ", ".join(self.types)
            raise SettingsError(f"{self.label} does not know the column {', '.join(unknown)}; it takes {there}")
        if missing := [name for name in self.model.keys if name not in given]:
            raise SettingsError(f"{', '.join(missing)} is missing: the keys of {self.model.name} are needed")
        columns = {name: check_column(name, values, self.types[name]) for name, values in given.items()}
        if len({len(values) for values in columns.values()}) > 1:
            sizes = ", ".join(f"{name} {len(values)}" for name, values in columns.items())
            raise SettingsError(f"columns have different lengths: {sizes}")
        absent = [name for name in self.types if name not in columns]
        return {**columns, **self._known(columns, absent)} if absent else columns

    def targets_of(self, raw: pd.DataFrame, as_of: date) -> pd.DataFrame:
        """What the version's code makes of another raw table: the rows to predict as of a day."""
        with self._code.active():
            return self.model.targets(self.model.preprocess(raw), as_of)

    def score(self, columns: Columns, question: Question) -> Columns:
        """Column → value of each row, in the order of `outputs`. `columns` is what `complete` gave.

        Raises ModelError where the model cannot predict a row, such as one of a category that it has never seen.
        """
        rows = pd.DataFrame({name: pd.array(columns[name], dtype=dtype) for name, dtype in self.types.items()})
        with self._code.active():
            predict, answer = partial(predict_draws, self.model, self._draws), partial(self._answer, question)
            pieces = list(overlapped(pieces_of(rows, len(self._draws)), predict, answer))
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

    def _answer(self, question: Question, rows: pd.DataFrame, predicted: Mapping[str, Array]) -> Columns:
        found: Columns = {}
        for quantity in self.model.quantities:
            values = predicted[quantity.name]
            summary = summarise(quantity, values, rows, self._chains, question.levels)
            found |= statistics(quantity, summary, question.levels)
            if quantity.name in question.thresholds:
                limit = question.thresholds[quantity.name]
                trials = rows[quantity.exposure].to_numpy() if quantity.exposure else None
                above = (
                    exceedance_draws(values, limit) if trials is None else exceedance_binomial(values, trials, limit)
                )
                found[column(quantity.name, EXCEEDS)] = above
        return found

    @cached_property
    def _arrays(self) -> Columns:
        return {name: self.targets[name].to_numpy() for name in self.types}

    @cached_property
    def _places(self) -> dict[tuple[Any, ...], int]:
        keys = [self.targets[name].tolist() for name in self.model.keys]
        return {key: place for place, key in enumerate(zip(*keys, strict=True))}

    def _known(self, columns: Columns, absent: Sequence[str]) -> Columns:
        keys = list(zip(*(columns[name].tolist() for name in self.model.keys), strict=True))
        places = [self._places.get(key, -1) for key in keys]
        if -1 in places:
            key = ", ".join(map(str, keys[places.index(-1)]))
            raise SettingsError(f"{self.label} has no row {key}, so {', '.join(absent)} must be given for it")
        return {name: self._arrays[name][places] for name in absent}


def load_scorer(store: ObjectStore, version: Version) -> Scorer:
    """The scorer of a version. Raises ModelError where it has none, NotFoundError, CorruptError, UnavailableError."""
    references = version.references
    if "targets" not in references["product"].meta:
        raise ModelError(
            f"{version.label} does not say what it was predicted from, so it cannot score; register it anew"
        )
    code = IsolatedModel(references["code"].fetch(store), version.model_class)
    posterior = Posterior.from_netcdf(references["posterior"].fetch(store))
    targets = load_table(store, Reference(**references["product"].meta["targets"]))
    return Scorer(version.label, code, posterior, targets)
