"""The flights model: its density, its predictions of what has and has not been seen, its scores."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.linalg import helmert

import models.flights.model
from models.flights.decision import decision_metrics
from models.flights.model import SCALES, Flights, cell_log_odds
from models.flights.table import BLOCKS
from posterity import Draws, Horizon
from posterity.errors import ModelError
from posterity.sampling.prior import prior_draws
from posterity.trial import try_model
from tests.models.conftest import MARCH

MODEL = Flights()
APRIL = Horizon(date(2013, 4, 1), date(2013, 4, 30))
DRAWS = 4000


@pytest.fixture(scope="module")
def prior(sample_clean: pd.DataFrame) -> Draws:
    return prior_draws(MODEL.build(MODEL.features(sample_clean)), 400, seed=1)


def posterior(**changes: float) -> Draws:
    """Draws of a model of two carriers, two airports, two destinations and two routes, well known unless changed."""
    rng = np.random.default_rng(0)
    coords = {"carrier": ["AA", "UA"], "origin": ["EWR", "JFK"], "dest": ["LAX", "ORD"], "block": list(BLOCKS)}
    coords["route"] = ["AA-JFK-LAX", "UA-EWR-ORD"]
    values = {name: np.full(DRAWS, changes.get(name, 0.001)) for name in SCALES}
    for name in ("carrier", "origin", "dest", "block", "route"):
        centre = {"dest": [-0.5, 0.5], "route": [-0.5, 0.5]}.get(name, np.zeros(len(coords[name])))
        values[f"{name}_effect"] = centre + 0.01 * rng.normal(size=(DRAWS, len(coords[name])))
    values |= {"month_next": np.full(DRAWS, -1.2), "intercept": np.full(DRAWS, -1.2), "reference": np.zeros(DRAWS)}
    dims = {f"{name}_effect": (name,) for name in coords}
    return Draws(values, dims, coords, seed=1)


def timetable(*routes: tuple[str, str, str]) -> pd.DataFrame:
    rows = pd.DataFrame(routes, columns=["carrier", "origin", "dest"])
    return rows.assign(flights=40, **dict.fromkeys(BLOCKS, 10))


def log_odds(draws: Draws, *routes: tuple[str, str, str]) -> np.ndarray:
    share = MODEL.predict(draws, timetable(*routes))["disrupted"]
    return np.log(share / (1 - share))


def test_the_contract_holds(sample_file: Path) -> None:
    spec = f"{Path(models.flights.model.__file__)}:Flights"
    assert [trial.message for trial in try_model(spec, str(sample_file), MARCH) if not trial.passed] == []


def test_a_route_never_flown_gets_its_groups_prior_and_a_wider_interval() -> None:
    seen, unseen, other = log_odds(
        posterior(sigma_route=0.4), ("AA", "JFK", "LAX"), ("UA", "EWR", "LAX"), ("AA", "JFK", "ORD")
    ).T
    assert seen.std() < 0.03
    assert unseen.std() == pytest.approx(0.4, rel=0.05)
    assert seen.mean() == pytest.approx(unseen.mean(), abs=0.03)
    assert other.mean() - unseen.mean() == pytest.approx(1.0, abs=0.05)  # the destinations' difference


@pytest.mark.parametrize(
    ("scale", "route"), [("sigma_carrier", ("ZZ", "JFK", "LAX")), ("sigma_dest", ("AA", "JFK", "XYZ"))]
)
def test_an_unseen_carrier_or_destination_is_drawn_from_its_population(scale: str, route: tuple[str, str, str]) -> None:
    assert log_odds(posterior(**{scale: 0.5}), route).std() == pytest.approx(0.5, rel=0.05)


def test_an_unseen_airport_is_refused() -> None:
    with pytest.raises(ModelError, match="'SWF'"):
        MODEL.predict(posterior(), timetable(("AA", "SWF", "LAX")))


def test_a_new_month_adds_the_deviations_of_carrier_airport_cell_and_blocks() -> None:
    """Against deviations that are simulated as vectors that sum to zero."""
    sigma = {"sigma_carrier_month": 0.3, "sigma_origin_month": 0.2, "sigma_cell": 0.25, "sigma_block_month": 0.4}
    predicted = log_odds(posterior(**sigma), ("AA", "JFK", "LAX"))[:, 0]
    rng = np.random.default_rng(2)

    def deviation(scale: str, levels: int) -> np.ndarray:
        values = sigma[scale] * rng.normal(size=(200_000, levels))
        return values - values.mean(axis=1, keepdims=True)

    eta = -1.7 + deviation("sigma_carrier_month", 2)[:, 0] + deviation("sigma_origin_month", 2)[:, 0]
    eta = eta + sigma["sigma_cell"] * rng.normal(size=len(eta))
    share = (1 / (1 + np.exp(-(eta[:, None] + deviation("sigma_block_month", 4))))).mean(axis=1)
    simulated = np.log(share / (1 - share))
    assert predicted.mean() == pytest.approx(simulated.mean(), abs=0.03)
    assert predicted.std() == pytest.approx(simulated.std(), rel=0.05)


@pytest.mark.parametrize("route", [("AA", "JFK", "LAX"), ("UA", "JFK", "LAX"), ("ZZ", "EWR", "XYZ")])
def test_contributions_add_up_to_the_prediction(route: tuple[str, str, str]) -> None:
    draws = posterior(sigma_route=0.4, sigma_carrier=0.3, sigma_block_month=0.3, sigma_cell=0.2, sigma_origin_month=0.1)
    found = MODEL.explain(draws, timetable(route))["disrupted"]
    assert found.link == "logit"
    np.testing.assert_allclose(sum(found.parts.values()), log_odds(draws, route), atol=1e-9)


def test_contributions_are_those_of_the_effects() -> None:
    draws = posterior(sigma_cell=0.2)
    draws.values["carrier_effect"][:] += [-0.3, 0.3]
    draws.values["block_effect"][:] += [-1.0, 0.0, 0.5, 1.0]
    rows = timetable(("UA", "EWR", "ORD"))
    rows[list(BLOCKS)] = [[0, 0, 0, 40]]
    parts = {name: values.mean() for name, values in MODEL.explain(draws, rows)["disrupted"].parts.items()}
    known = {"average flight": -1.2, "carrier": 0.3, "destination": 0.5, "departure hours": 1.0}
    wanted = dict.fromkeys(parts, 0.0) | known
    assert parts == pytest.approx(wanted, abs=0.02)


def test_the_mix_of_departure_blocks_counts() -> None:
    draws = posterior()
    draws.values["block_effect"][:] = np.array([-1.0, 0.0, 0.5, 1.0])
    rows = timetable(*[("AA", "JFK", "LAX")] * 3)
    rows[list(BLOCKS)] = [[40, 0, 0, 0], [0, 0, 0, 40], [30, 0, 0, 10]]
    early, evening, mixed = MODEL.predict(draws, rows)["disrupted"].mean(axis=0)
    assert early == pytest.approx(1 / (1 + np.exp(2.7)), abs=0.005)
    assert evening == pytest.approx(1 / (1 + np.exp(0.7)), abs=0.005)
    assert mixed == pytest.approx(0.75 * early + 0.25 * evening, abs=0.005)


def test_cell_log_odds_are_those_of_the_density(sample_clean: pd.DataFrame) -> None:
    """The likelihood that PyMC computes is the binomial one at the log odds of `cell_log_odds`."""
    import arviz as az
    import pymc as pm
    import pytensor

    features = MODEL.features(sample_clean)
    model = MODEL.build(features)
    draws = prior_draws(model, 5, seed=3)
    free = {var.name: draws[var.name][None] for var in model.free_RVs}
    with model, pytensor.config.change_flags(mode="FAST_COMPILE"):
        result = pm.compute_log_likelihood(az.from_dict(free), progressbar=False, extend_inferencedata=False)
    share = 1 / (1 + np.exp(-cell_log_odds(draws, features)))
    expected = stats.binom.logpmf(features["disrupted"], features["flights"], share)
    np.testing.assert_allclose(result["disrupted"].to_numpy()[0], expected, rtol=1e-6, atol=1e-8)


def test_the_prior_expects_plausible_shares(prior: Draws, sample_clean: pd.DataFrame) -> None:
    """Nine in ten routes' shares between 3 % and 70 %, in the middle about 20 %."""
    share = MODEL.predict(prior, MODEL.targets(sample_clean, MARCH))["disrupted"]
    low, middle, high = np.quantile(share, [0.05, 0.5, 0.95])
    assert 0.03 < low < 0.10
    assert 0.17 < middle < 0.30
    assert 0.40 < high < 0.70


def test_effects_sum_to_zero_and_the_level_is_that_of_the_average_flight(
    prior: Draws, sample_clean: pd.DataFrame
) -> None:
    for name in ("block", "origin", "carrier", "dest"):
        np.testing.assert_allclose(prior[f"{name}_effect"].sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(prior["block_month"].sum(axis=2), 0, atol=1e-9)
    features = MODEL.features(sample_clean)
    routes = features["carrier"] + "-" + features["origin"] + "-" + features["dest"]
    place = prior.effect("route_effect", routes) + prior.effect("carrier_effect", features["carrier"])
    average = np.average(place, axis=1, weights=features["flights"])
    np.testing.assert_allclose(prior["reference"], average, rtol=1e-9, atol=1e-12)


def test_the_prior_is_that_of_the_docstring_whatever_the_coordinates(prior: Draws) -> None:
    """In its own scale each effect is standard normal, and has nothing to do with what is nested in it."""

    def scaled(values: np.ndarray, scale: str) -> np.ndarray:
        return values / prior[scale].reshape(-1, *[1] * (values.ndim - 1))

    def per_axis(values: np.ndarray) -> np.ndarray:  # levels that sum to zero, in an orthonormal basis
        return values @ helmert(values.shape[-1]).T

    block, origin = per_axis(prior["block_effect"]) / 0.5, per_axis(prior["origin_effect"]) / 0.3
    carrier = per_axis(scaled(prior["carrier_effect"], "sigma_carrier"))
    month = scaled(prior["month_effect"] - prior["intercept"][:, None], "sigma_month")
    parts = {"intercept": (prior["intercept"] + 1.3) / 0.5, "month": month, "block": block, "origin": origin}
    parts |= {"carrier": carrier, "next": (prior["month_next"] - prior["intercept"]) / prior["sigma_month"]}
    for name in ("block", "origin", "carrier"):
        deviation = prior[f"{name}_month"] - prior[f"{name}_effect"][:, None, :]
        parts[f"{name} month"] = per_axis(scaled(deviation, f"sigma_{name}_month"))
    flat = {name: values.reshape(len(values), -1) for name, values in parts.items()}
    for name, values in flat.items():
        assert stats.kstest(values.ravel(), "norm").pvalue > 1e-4, name
    routes = prior["route_effect"] - prior.effect("dest_effect", [r.split("-")[2] for r in prior.coords["route"]])
    nested = {
        **flat,
        "route": scaled(routes, "sigma_route").mean(axis=1, keepdims=True),
        "cell": prior["z_cell"][:, :5],
    }
    correlation = np.corrcoef(np.hstack(list(nested.values())).T)
    assert abs(correlation - np.eye(len(correlation))).max() < 5.5 / np.sqrt(len(prior["intercept"]))


def test_estimands_do_not_depend_on_the_month_to_come(prior: Draws) -> None:
    moved = Draws({**prior.values, "month_next": prior["month_next"] + 1}, prior.dims, prior.coords, prior.seed)
    for one, other in zip(MODEL.estimands(prior), MODEL.estimands(moved), strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        assert one.values.shape == (400, len(one.labels))


def test_a_routes_share_in_the_average_month(prior: Draws) -> None:
    (route,) = (estimand for estimand in MODEL.estimands(prior) if estimand.group == "route")
    label = route.labels[0]
    carrier, origin, _ = label.split("-")
    eta = prior["intercept"] - prior["reference"] + prior.effect("route_effect", [label])[:, 0]
    eta = eta + prior.effect("carrier_effect", [carrier])[:, 0] + prior.effect("origin_effect", [origin])[:, 0]
    expected = (1 / (1 + np.exp(-(eta[:, None] + prior["block_effect"])))).mean(axis=1)
    np.testing.assert_allclose(route.values[:, 0], expected, rtol=1e-9)


def test_replicates_have_the_density_of_the_cells(prior: Draws, sample_clean: pd.DataFrame) -> None:
    features = MODEL.features(sample_clean)
    observed, again = MODEL.replicate(prior, features, np.random.default_rng(4))
    np.testing.assert_allclose(observed * features["flights"], features["disrupted"])
    share = 1 / (1 + np.exp(-cell_log_odds(prior, features)))
    assert again.shape == share.shape
    assert again.mean() == pytest.approx(share.mean(), abs=0.01)


def test_targets_are_the_timetable_of_next_month(clean: pd.DataFrame) -> None:
    targets = MODEL.targets(clean, MARCH)
    assert targets["flights"].sum() == 28330
    assert (targets[list(BLOCKS)].sum(axis=1) == targets["flights"]).all()


def test_without_a_timetable_the_last_month_stands_in(sample_file: Path) -> None:
    may = date(2013, 5, 31)
    clean = MODEL.preprocess(MODEL.extract(str(sample_file), may))
    assert MODEL.targets(clean, may)["flights"].sum() == (clean["month"] == "2013-05").sum()


def test_actuals_arrive_when_the_month_is_over(sample_file: Path, sample_clean: pd.DataFrame) -> None:
    assert MODEL.actuals(sample_clean, APRIL).empty
    later = MODEL.preprocess(MODEL.extract(str(sample_file), date(2013, 4, 30)))
    actuals = MODEL.actuals(later, APRIL)
    april = later[later["month"] == "2013-04"]
    assert (actuals["disrupted"] * actuals["flights"]).sum() == pytest.approx(april["disrupted"].sum())
    assert actuals["flights"].sum() == len(april)
    matched = MODEL.targets(sample_clean, MARCH).merge(actuals, on=list(MODEL.keys), how="outer", indicator=True)
    assert (matched["_merge"] == "both").all()


def test_cost_of_warnings() -> None:
    """Four routes: warned and bad, warned for nothing, missed (of 20 flights), rightly not warned."""
    figures = decision_metrics(
        mean=np.array([0.5, 0.4, 0.2, 0.1]),
        upper=np.array([0.6, 0.3, 0.29, 0.2]),
        happened=np.array([0.4, 0.1, 0.3, 0.2]),
        flights=np.array([10.0, 10.0, 20.0, 10.0]),
    )
    assert figures == {
        "decision_loss": pytest.approx((10 * 1 + 20 * 3) / 50),
        "precision": 0.5,
        "recall": 0.5,
        "roc_auc": pytest.approx(0.75),
    }


def test_a_month_without_bad_routes_has_no_recall_and_no_roc_auc() -> None:
    low = np.array([0.1, 0.2])
    figures = decision_metrics(low, low, low, np.array([1.0, 1.0]))
    assert figures["decision_loss"] == 0
    assert all(np.isnan(figures[name]) for name in ("precision", "recall", "roc_auc"))
