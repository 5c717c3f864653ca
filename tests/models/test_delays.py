"""The delays model: the mixture of a histogram, the spread between months, and its predictive distribution."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import models.delays.model
from models.delays.model import Delays, _between_months, _mixture
from models.flights.table import BIN_EDGES
from posterity import Draws, Horizon
from posterity.errors import ModelError
from posterity.trial import try_model
from tests.models.conftest import MARCH

MODEL = Delays()
APRIL = Horizon(date(2013, 4, 1), date(2013, 4, 30))


def drawn(fitted: dict[str, np.ndarray], n: int = 4000, seed: int = 1) -> Draws:
    values = MODEL.draw(fitted, np.random.default_rng(seed), n)
    return Draws(values, MODEL.dims(), {"group": [str(label) for label in fitted["group"]]}, seed=seed)


@pytest.fixture(scope="module")
def fitted(features: pd.DataFrame) -> dict[str, np.ndarray]:
    return dict(MODEL.fit(features))


def test_the_contract_holds(sample_file: Path) -> None:
    spec = f"{Path(models.delays.model.__file__)}:Delays"
    assert [trial.message for trial in try_model(spec, str(sample_file), MARCH) if not trial.passed] == []


def test_a_mixture_has_mean_and_spread_of_the_delays_that_were_binned() -> None:
    rng = np.random.default_rng(3)
    delays = np.concatenate([rng.normal(-12, 12, 9000), rng.exponential(60, 3000) + 10])
    weights, means, variances = _mixture(np.histogram(delays, BIN_EDGES)[0].astype(float))
    mean = weights @ means
    assert weights.sum() == pytest.approx(1)
    assert mean == pytest.approx(delays.mean(), abs=1.5)
    assert np.sqrt(weights @ (variances + means**2) - mean**2) == pytest.approx(delays.std(), rel=0.08)


def test_the_level_of_a_group_is_its_mean_over_months(clean: pd.DataFrame, fitted: dict[str, np.ndarray]) -> None:
    monthly = clean[clean["known"]].groupby(["origin", "block", "month"])["arr_delay"].mean()
    exact = monthly.groupby(["origin", "block"]).mean()
    assert [f"{origin} {block}" for origin, block in exact.index] == list(fitted["group"])
    np.testing.assert_allclose(fitted["level"], exact, atol=1.5)  # binned minutes


def test_a_group_without_flights_in_a_month_is_fitted_all_the_same(features: pd.DataFrame) -> None:
    gone = (features["origin"] == "LGA") & (features["block"] == "00-08") & (features["month"] == "2013-02")
    fitted = MODEL.fit(features[~gone])
    assert all(np.isfinite(values).all() for name, values in fitted.items() if name != "group")


def test_intervals_cover_the_next_month_as_often_as_they_say() -> None:
    """Histories simulated from the model's own assumptions, six months each; the next month's mean is predicted."""
    rng = np.random.default_rng(5)
    groups, months, shared, own = 6, 6, 6.0, 3.0
    covered = []
    for trial in range(300):
        level = rng.normal(5, 5, groups)
        shift = shared * rng.normal(size=months + 1) + own * rng.normal(size=(groups, months + 1))
        means = level[:, None] + shift
        fitted = {
            "group": np.array([f"g{i}" for i in range(groups)]),
            "weights": np.ones((groups, 1)),
            "means": np.zeros((groups, 1)),
            "variances": np.full((groups, 1), 1600.0),
            "flights": np.full(groups, 10**6),
            **_between_months(means[:, :months], np.ones((groups, months))),
        }
        low, high = np.quantile(drawn(fitted, 400, trial)["next_mean"], [0.05, 0.95], axis=0)
        covered.append(((low < means[:, -1]) & (means[:, -1] < high)).mean())
    # Months are shared by all groups, so the standard error is that of 300 trials or better: at most 0.02.
    assert np.mean(covered) == pytest.approx(0.9, abs=0.05)


def test_few_flights_widen_the_interval(fitted: dict[str, np.ndarray]) -> None:
    few = drawn(fitted | {"flights": np.full(len(fitted["group"]), 4)})["next_mean"].std(axis=0)
    assert (few > 1.5 * drawn(fitted)["next_mean"].std(axis=0)).all()


def test_draws_are_the_same_for_the_same_seed_only(fitted: dict[str, np.ndarray]) -> None:
    one, same, other = (drawn(fitted, 10, seed)["next_mean"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_nothing_fitted_needs_unpickling(fitted: dict[str, np.ndarray]) -> None:
    assert all(values.dtype.kind in "Uif" for values in fitted.values())


def test_targets_and_predictions_are_by_airport_and_block(clean: pd.DataFrame, fitted: dict[str, np.ndarray]) -> None:
    targets = MODEL.targets(clean, MARCH)
    assert len(targets) == 12
    assert targets["scheduled"].sum() == 28330
    predicted = MODEL.predict(drawn(fitted), targets)["mean_delay"]
    assert predicted.shape == (4000, 12)
    early, evening = (predicted[:, (targets["block"] == block).to_numpy()].mean() for block in ("00-08", "17-23"))
    assert early < evening


def test_an_unknown_airport_is_refused(fitted: dict[str, np.ndarray]) -> None:
    with pytest.raises(ModelError, match="SWF 00-08"):
        MODEL.predict(drawn(fitted, 10), pd.DataFrame({"origin": ["SWF"], "block": ["00-08"]}))


def test_actuals_arrive_when_the_month_is_over(sample_file: Path, sample_clean: pd.DataFrame) -> None:
    assert MODEL.actuals(sample_clean, APRIL).empty
    later = MODEL.preprocess(MODEL.extract(str(sample_file), date(2013, 4, 30)))
    actuals = MODEL.actuals(later, APRIL)
    first = actuals.iloc[0]
    rows = later[
        (later["month"] == "2013-04") & (later["origin"] == first["origin"]) & (later["block"] == first["block"])
    ]
    assert first["mean_delay"] == pytest.approx(rows["arr_delay"].dropna().mean())


def test_estimands_have_draws_and_labels(fitted: dict[str, np.ndarray]) -> None:
    for estimand in MODEL.estimands(drawn(fitted, 50)):
        assert estimand.values.shape == (50, len(estimand.labels))
