"""Try a user's model before it is put into production: its contract, edge cases and robustness.

Each check is one thing that would otherwise go wrong in some stage of a run, found here in seconds.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from posterity.data.checks import run_checks
from posterity.errors import ModelError
from posterity.model.contract import Array, Draws, MCMCModel, Model, MonteCarloModel
from posterity.model.loading import absolute_spec, load_model

DRAWS = 50
HEAVY = ("pymc", "pytensor", "jax")


@dataclass(frozen=True)
class Trial:
    """The outcome of one check."""

    name: str
    passed: bool
    message: str = ""


class _Subject:
    """A model with the tables it makes, each computed once."""

    def __init__(self, spec: str, source: str, as_of: date) -> None:
        self.spec = absolute_spec(spec)
        self.model: Model = load_model(self.spec)
        self.source = source or self.model.default_source
        self.as_of = as_of

    @cached_property
    def raw(self) -> pd.DataFrame:
        return self.model.extract(self.source, self.as_of)

    @cached_property
    def clean(self) -> pd.DataFrame:
        return self.model.preprocess(self.raw.copy())

    @cached_property
    def features(self) -> pd.DataFrame:
        return self.model.features(self.clean.copy())

    @cached_property
    def targets(self) -> pd.DataFrame:
        return self.model.targets(self.clean.copy(), self.as_of)

    @cached_property
    def draws(self) -> Draws:
        """Draws to predict with: from the prior (MCMC), or from the fitted distribution."""
        if isinstance(self.model, MCMCModel):
            from posterity.sampling.prior import prior_draws

            return prior_draws(self.model.build(self.features), DRAWS, seed=1)
        if not isinstance(self.model, MonteCarloModel):
            raise ModelError(f"{self.spec} is neither an MCMCModel nor a MonteCarloModel")
        fitted = self.model.fit(self.features)
        values = self.model.draw(fitted, np.random.default_rng(1), DRAWS)
        dims = self.model.dims()
        coords = {axis: [str(label) for label in fitted[axis]] for axes in dims.values() for axis in axes}
        return Draws(values, dims, coords, seed=1)

    def predict(self, targets: pd.DataFrame) -> Mapping[str, Array]:
        return self.model.predict(self.draws, targets)


def try_model(spec: str, source: str, as_of: date) -> Iterator[Trial]:
    """Check the model `spec` on its data as of a day, one result after the other.

    Raises ModelError when the model cannot be loaded at all.
    """
    subject = _Subject(spec, source, as_of)
    for name, check in CHECKS.items():
        try:
            message = check(subject)
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
        yield Trial(name, not message, message or "")


def _imports_light(subject: _Subject) -> str | None:
    code = (
        "import sys; from posterity.model.loading import load_model; load_model(sys.argv[1]); "
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, subject.spec], capture_output=True, text=True, check=True)
    heavy = done.stdout.split()
    return f"importing it imports {', '.join(heavy)}; import them inside `build`, servers have none" if heavy else None


def _data_tests(subject: _Subject) -> str | None:
    report = run_checks(subject.model, subject.raw, subject.as_of)
    return "; ".join(test.message for test in report.tests if not test.passed)


def _same_extract_twice(subject: _Subject) -> str | None:
    again = subject.model.extract(subject.source, subject.as_of)
    return None if again.equals(subject.raw) else "extract gave another table the second time"


def _pure(subject: _Subject) -> str | None:
    """Same rows in, same rows out, and the input untouched."""
    for name, function, table in (
        ("preprocess", subject.model.preprocess, subject.raw),
        ("features", subject.model.features, subject.clean),
    ):
        given = table.copy()
        first = function(given)
        if not given.equals(table):
            return f"{name} changes the table it is given; work on a copy"
        if not function(given).equals(first):
            return f"{name} gives another table the second time; draw nothing at random there"
    return None


def _no_holes(subject: _Subject) -> str | None:
    from posterity.stages.engineer_features import refuse_holes
    from posterity.stages.plan import refuse_unseen

    refuse_holes(subject.model, subject.features)
    refuse_unseen(subject.model, subject.features, subject.targets)
    return None


def _targets(subject: _Subject) -> str | None:
    keys = list(subject.model.keys)
    missing = [name for name in keys if name not in subject.targets]
    if missing:
        return f"targets have no column {', '.join(missing)}"
    if subject.targets.empty:
        return f"no targets after {subject.as_of}"
    double = subject.targets.duplicated(keys)
    return f"{int(double.sum())} keys of the targets occur twice" if double.any() else None


def _exposures(subject: _Subject) -> str | None:
    for quantity in subject.model.quantities:
        if quantity.exposure:
            counts = subject.targets[quantity.exposure]
            if (counts < 0).any() or (counts != counts.round()).any():
                return f"{quantity.exposure}, the exposure of {quantity.name}, holds numbers that are no counts"
    return None


def _actuals(subject: _Subject) -> str | None:
    period = subject.model.horizon(subject.as_of)
    actuals = subject.model.actuals(subject.clean, period)
    return "actuals knows outcomes after the as-of day" if len(actuals.dropna()) else None


def _predicts(subject: _Subject) -> str | None:
    from posterity.scoring.predicting import check_prediction

    shape = (len(subject.draws), len(subject.targets))
    predicted = dict(subject.predict(subject.targets))
    for quantity in subject.model.quantities:
        check_prediction(subject.model, quantity, predicted, shape)
    return None


def _predicts_subsets(subject: _Subject) -> str | None:
    whole = subject.predict(subject.targets)
    rows = np.unique(np.linspace(0, len(subject.targets) - 1, 7).astype(int))[-6:][::-1]  # fewer, in another order
    rows = rows[: len(subject.targets) - 1] if len(rows) == len(subject.targets) > 1 else rows
    part = subject.predict(subject.targets.iloc[rows].reset_index(drop=True))
    for name, values in whole.items():
        if not np.allclose(values[:, rows], part[name], rtol=1e-9, atol=1e-12):
            return f"{name} of a row depends on the rows predicted with it; use draws.noise for noise per row"
    return None


def _explains(subject: _Subject) -> str | None:
    from posterity.scoring.explaining import explain_rows

    explain_rows(subject.model, subject.draws, subject.targets)
    return None


def _unseen(subject: _Subject) -> str | None:
    ruled = [column for column, rule in subject.model.unseen.items() if rule == "population"]
    for column in ruled:
        if column in subject.targets:
            strange = subject.targets.head(1).assign(**{column: "never seen before"})
            values = subject.predict(strange)
            if not all(np.isfinite(value).all() for value in values.values()):
                return f"a {column} never seen before gives NaN; the rule says to predict it from the population"
    return None


CHECKS: Mapping[str, Callable[[_Subject], str | None]] = {
    "imports without PyMC and JAX": _imports_light,
    "extract gives the same table twice": _same_extract_twice,
    "data tests pass": _data_tests,
    "preprocess and features are pure": _pure,
    "features have no holes, targets no unknown category": _no_holes,
    "targets are unique and there": _targets,
    "exposures are counts": _exposures,
    "nothing after the as-of day is known": _actuals,
    "the distribution can be built and predicted from": _predicts,
    "any subset of rows is predicted alike": _predicts_subsets,
    "explanations add up to predictions": _explains,
    "categories never seen follow their rule": _unseen,
}
