"""The model contract: the one class that a user writes.

A model says where its raw rows come from, how they become features, which distribution is to be sampled and
what is published from the draws. Everything else (snapshots, tests, sampling, gates, scoring, drift, registry)
is done by the platform. The module of a model must import without PyMC and JAX: import them inside `build`.
"""

from abc import ABC, abstractmethod
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from posterity.model.draws import Array, Draws

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa
    import pymc as pm

__all__ = [
    "Array",
    "Assumption",
    "Contributions",
    "Draws",
    "Estimand",
    "Horizon",
    "Limit",
    "MCMCModel",
    "Metric",
    "Model",
    "MonteCarloModel",
    "PersonalColumn",
    "Quantity",
    "Release",
]


@dataclass(frozen=True)
class Quantity:
    """A column of the data product, predicted for each key and scored on what happens.

    With `exposure`, `predict` gives the probability of an event and the platform publishes the predictive
    distribution of the share of events among the number of trials in that column of the targets. Without it,
    `predict` gives draws of the published number itself, its noise included.
    """

    name: str
    unit: str
    description: str = ""
    exposure: str | None = None


@dataclass(frozen=True)
class Estimand:
    """A group of time-invariant quantities of the posterior, which a baseline can be compared with.

    values has shape (draws, labels); materiality is the smallest change worth an alert, in `unit`
    (None: a quarter of the baseline's standard deviation).
    """

    group: str
    labels: Sequence[str]
    values: Array
    unit: str
    materiality: float | None = None


@dataclass(frozen=True)
class Contributions:
    """How a prediction comes about: parts that add up, draw by draw, to the quantity on the scale of `link`.

    parts: name → array of shape (draws, rows), in the order in which they are shown; the first is the level that the
    others are added to.
    """

    link: Literal["identity", "log", "logit"]
    parts: Mapping[str, Array]


@dataclass(frozen=True)
class Limit:
    """A bound on a metric: `at_most` or `at_least` (either may be None)."""

    at_most: float | None = None
    at_least: float | None = None

    def holds(self, value: float) -> bool:
        """Whether `value` is within the bound; NaN never is."""
        below = self.at_most is None or value <= self.at_most
        above = self.at_least is None or value >= self.at_least
        return below and above and value == value


@dataclass(frozen=True)
class Metric:
    """A figure by which products are judged: one of the platform's (`crps`, `log_score`, `coverage_50`,
    `coverage_90`; prefixed with the quantity's name and a dot where a model has several) or one that the
    model's `score` returns."""

    name: str
    better: Literal["lower", "higher", "nearest"]
    unit: str = ""
    limit: Limit = Limit()
    description: str = ""


@dataclass(frozen=True)
class Assumption:
    """What the model takes for granted, and the check that would show it to be wrong.

    check is `measure operator number`, e.g. `coverage_90 >= 0.8`; measures are the run's metrics, `drift_z.GROUP`
    (largest |z| of an estimand group), `input_effect.COLUMN` and `rhat_max`. inspect says where to look first.
    """

    name: str
    text: str
    check: str
    inspect: str = ""


@dataclass(frozen=True)
class PersonalColumn:
    """A raw column with personal data: dropped or replaced by a keyed pseudonym before anything is stored."""

    column: str
    treatment: Literal["drop", "pseudonymise"]


@dataclass(frozen=True)
class Release:
    """How versions get into production.

    approval: `on_change` (a refresh on new data alone, by code, settings and image that are in production already,
    needs no approval if it passes every check) or `always`. approvers: who may approve, as the audit log calls them,
    `ada@example.org` or `ada` (none: anybody but who asked for it). notify: Apprise URLs that requests go to beside
    POSTERITY_ALERT_URLS; `${VARIABLE}` stands for what is secret. latency: seconds within which 95 % of the answers
    to single keys have to come in staging.
    """

    approval: Literal["on_change", "always"] = "on_change"
    approvers: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    latency: float = 0.5


@dataclass(frozen=True)
class Horizon:
    """The period that a data product is valid for, both days included."""

    valid_from: date
    valid_until: date


def next_month(as_of: date) -> Horizon:
    """The calendar month after the day `as_of`."""
    first = date(as_of.year + as_of.month // 12, as_of.month % 12 + 1, 1)
    return Horizon(first, first + timedelta(days=monthrange(first.year, first.month)[1] - 1))


class Model(ABC):
    """What both kinds of models have in common; derive from `MCMCModel` or `MonteCarloModel`.

    Attributes with defaults need not be declared. `row_keys` identify a raw row (they are tested to be unique),
    `keys` a row of the data product. `unseen` says for each category column what happens to a category of the
    targets that training has not seen: `refuse` (default) or `population` (predict from the group's prior).
    `feature_set` and `feature_version` name the feature table, which models may share. `max_lost_share` is the
    share of raw rows that preprocessing may drop. `fused` says that `preprocess` makes the features and
    `features` only passes them on. `default_source` is used when a run names no source. `outcome` names the
    feature column that the data analysis associates the others with and, where it counts events, the column of trials.
    `after_expiry` says what servers do when the period of a product is over: `mark` their answers, or `refuse` them.
    `sampler` holds sampler settings that the model needs (`target_accept`, `draws`, …). `divergence_budget` is the
    share of draws that may diverge before the gate refuses them. `release` says how its versions get into production.
    """

    name: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    row_keys: ClassVar[tuple[str, ...]]
    quantities: ClassVar[tuple[Quantity, ...]]
    metrics: ClassVar[tuple[Metric, ...]] = ()
    assumptions: ClassVar[tuple[Assumption, ...]] = ()
    personal: ClassVar[tuple[PersonalColumn, ...]] = ()
    unseen: ClassVar[Mapping[str, Literal["refuse", "population"]]] = {}
    feature_set: ClassVar[str] = ""
    feature_version: ClassVar[str] = "1"
    max_lost_share: ClassVar[float] = 0.0
    fused: ClassVar[bool] = False
    default_source: ClassVar[str] = ""
    outcome: ClassVar[tuple[str, ...]] = ()
    after_expiry: ClassVar[Literal["mark", "refuse"]] = "mark"
    sampler: ClassVar[Mapping[str, float]] = {}
    divergence_budget: ClassVar[float] = 0.0
    release: ClassVar[Release] = Release()

    @abstractmethod
    def schema(self, as_of: date) -> "pa.DataFrameSchema":
        """The data tests of the raw table (import pandera inside)."""

    def extract(self, source: str, as_of: date) -> "pd.DataFrame":
        """The raw table as it was known on `as_of`: no outcome after that day may be in it.

        The default reads a CSV, Parquet, SQL or S3 source whole; override it where rows must be chosen.
        Raises SourceError.
        """
        from posterity.data.connectors import read_source

        return read_source(source)

    def preprocess(self, raw: "pd.DataFrame") -> "pd.DataFrame":
        """The clean table. Pure: the same rows in, the same rows out."""
        return raw

    @abstractmethod
    def features(self, clean: "pd.DataFrame") -> "pd.DataFrame":
        """The feature table. Pure, and used by training, back-test and serving alike."""

    @abstractmethod
    def targets(self, clean: "pd.DataFrame", as_of: date) -> "pd.DataFrame":
        """One row per key to predict, with `keys`, the exposure columns and whatever `predict` reads."""

    def actuals(self, clean: "pd.DataFrame", period: Horizon) -> "pd.DataFrame":
        """What happened in `period`: `keys`, one column per quantity (its name), and the exposure columns.

        Empty where nothing has arrived yet. The default says that outcomes never arrive.
        """
        return clean.iloc[:0]

    def horizon(self, as_of: date) -> Horizon:
        """The period that is predicted; the next calendar month unless overridden."""
        return next_month(as_of)

    @abstractmethod
    def predict(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Array]:
        """Quantity name → draws of shape (draws, rows of `targets`). Works on any subset of rows."""

    def explain(self, draws: Draws, targets: "pd.DataFrame") -> Mapping[str, Contributions]:
        """Quantity name → what each effect contributes to its prediction, for people who ask why. Must add up to
        `predict` with the same draws. The default explains nothing."""
        return {}

    def estimands(self, draws: Draws) -> Sequence[Estimand]:
        """Time-invariant summaries of the posterior, for the drift check."""
        return ()

    def replicate(self, draws: Draws, features: "pd.DataFrame", rng: np.random.Generator) -> tuple[Array, Array] | None:
        """For the posterior predictive check: observed values (rows,) and replicated ones (draws, rows)."""
        return None

    def score(self, product: "pd.DataFrame", actuals: "pd.DataFrame") -> Mapping[str, float]:
        """Metrics of the model's own, e.g. a decision loss, of a product (its columns are `keys`,
        `QUANTITY_mean`, `QUANTITY_sd`, `QUANTITY_q05`, …) joined row by row with what happened."""
        return {}


class MCMCModel(Model):
    """A Bayesian model whose posterior is sampled by Markov chain Monte Carlo."""

    kind: ClassVar[str] = "mcmc"

    @abstractmethod
    def build(self, features: "pd.DataFrame") -> "pm.Model":
        """The PyMC model of the features (import pymc inside)."""


class MonteCarloModel(Model):
    """A model whose distribution is fitted and sampled directly."""

    kind: ClassVar[str] = "monte_carlo"

    @abstractmethod
    def fit(self, features: "pd.DataFrame") -> Mapping[str, np.ndarray[Any, Any]]:
        """The fitted distribution as named arrays (nothing is pickled); scikit-learn is imported inside."""

    @abstractmethod
    def draw(self, fitted: Mapping[str, Any], rng: np.random.Generator, n: int) -> Mapping[str, Array]:
        """`n` independent draws: name → array of shape (n, *shape). Needs NumPy alone."""

    def dims(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the axes of what `draw` returns, after the first; their labels are arrays of `fit`
        that have the axis's name."""
        return {}
