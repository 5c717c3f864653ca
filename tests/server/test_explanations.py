"""How a prediction is distributed, and why."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from posterity.model.contract import Quantity
from posterity.registry import aliases
from posterity.server.handlers.explanations import VALUES, _distribution
from posterity.store import ObjectStore
from tests.server.process import Server, server
from tests.server.products import register
from tests.shop import Shop

KEY = "/v1/products/shop/predictions/b"


def test_the_values_are_those_of_the_published_distribution(running: Server) -> None:
    row = running.get(KEY).json["prediction"]
    said = running.get(f"{KEY}/distribution").json
    assert (said["version"], said["expired"]) == (2, False)
    (found,) = said["distributions"]
    assert (found["quantity"], found["unit"], found["trials"]) == ("sales", "items", None)
    assert len(found["values"]) == VALUES
    levels = np.interp([0.05, 0.25, 0.5, 0.75, 0.95], (np.arange(VALUES) + 0.5) / VALUES, found["values"])
    assert levels == pytest.approx([row[f"sales_q{at}"] for at in ("05", "25", "50", "75", "95")], abs=0.05)


@pytest.mark.parametrize("trials", [1, 12, 400, 5000])
def test_a_share_has_the_noise_of_its_trials(trials: int) -> None:
    rng = np.random.default_rng(trials)
    p = np.sort(rng.beta(4, 12, 100))
    latent = {f"late_{i:03d}": value for i, value in enumerate(p)}
    found = _distribution(Quantity("late", "share", exposure="n"), latent, {"n": trials})
    assert found["trials"] == trials
    counts = np.round(np.array(found["values"]) * trials)
    assert counts / trials == pytest.approx(found["values"])
    below = stats.binom.cdf(counts[:, None], trials, p).mean(axis=1)
    before = stats.binom.cdf(counts[:, None] - 1, trials, p).mean(axis=1)
    levels = (np.arange(VALUES) + 0.5) / VALUES
    assert (before <= levels + 1e-3).all()
    assert (levels <= below + 1e-3).all()


def test_a_share_of_nothing_has_no_values() -> None:
    latent = {f"late_{i:03d}": 0.2 for i in range(100)}
    assert _distribution(Quantity("late", "share", exposure="n"), latent, {"n": 0})["values"] == []


def test_contributions_add_up(running: Server) -> None:
    (said,) = running.get(f"{KEY}/contributions").json["contributions"]
    assert (said["quantity"], said["link"]) == ("sales", "identity")
    assert [part["name"] for part in said["parts"]] == ["average shop", "shop"]
    total = sum(part["mean"] for part in said["parts"])
    assert total == pytest.approx(running.get(KEY).json["prediction"]["sales_mean"], rel=1e-4)
    assert all(part["q05"] <= part["mean"] <= part["q95"] for part in said["parts"])


def test_an_earlier_version_is_explained_too(running: Server) -> None:
    base = "/v1/products/shop/versions/1/predictions/b"
    assert running.get(f"{base}/distribution").json["version"] == 1
    assert running.get(f"{base}/contributions").json["expired"] is True


def test_an_unknown_key_or_a_refused_product_is_not_explained(running: Server) -> None:
    for what in ("distribution", "contributions", "history"):
        assert running.get(f"/v1/products/shop/predictions/z/{what}").json["code"] == "unknown_key"
        assert running.get(f"/v1/products/shop/predictions/a,b/{what}").json["code"] == "unknown_key"
    assert running.get("/v1/products/strict/predictions/a/distribution").json["code"] == "expired"


class Silent(Shop):
    """A model that explains nothing."""

    name = "silent"
    explain = Shop.__mro__[2].explain


def test_a_model_that_explains_nothing_has_no_contributions(store: ObjectStore, clean: pd.DataFrame, tmp_path) -> None:
    version = register(store, clean, "2026-03-31", Silent())
    folder = version.references["product"].key.rpartition("/")[0]
    assert f"{folder}/effects.parquet" not in set(store.list(folder))
    aliases.move(store, "silent", "champion", 1, "tests", "first")
    with server(tmp_path, store.url) as running:
        assert running.get("/v1/products/silent/predictions/a/contributions").json["contributions"] == []
        assert len(running.get("/v1/products/silent/predictions/a/distribution").json["distributions"]) == 1
