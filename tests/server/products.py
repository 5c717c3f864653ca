"""Registered versions of the small model, made by the library without the pipeline around it: quick."""

import io
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from posterity.data.posterior import Posterior
from posterity.data.product import publish
from posterity.data.tables import store_table, to_parquet
from posterity.model.contract import MonteCarloModel
from posterity.model.source import archive, class_name
from posterity.registry import versions
from posterity.registry.card import describe
from posterity.registry.versions import Version
from posterity.scoring.explaining import explain_rows
from posterity.scoring.predicting import predict_rows
from posterity.store import ObjectStore, Reference, digest_bytes
from posterity.store.digest import canonical_json
from posterity.store.reference import store_bytes
from tests.shop import Shop, write_sales

CHAINS, DRAWS = 4, 250
OUTCOME = 21.5
SCORES = {
    "version": "shop/1",
    "rows": 6,
    "metrics": {"crps": 0.31, "coverage_50": 0.5, "coverage_90": 0.83, "decision_loss": 2.5},
}
FINDING = {"group": "level", "label": "a", "z": -1.5, "change": 0.3, "drifted": False}
DRIFT = {"verdict": "stable", "rung": "nested", "baseline": "shop/1", "summary": [], "findings": [FINDING]}


def sales(folder: Any, until: str, shops: str = "abcdef") -> pd.DataFrame:
    """The clean table of the small model."""
    table = pd.read_csv(write_sales(folder / "sales.csv")).drop(columns="cashier")
    return table[(table["day"] <= until) & table["shop"].isin(list(shops))].reset_index(drop=True)


def register(
    store: ObjectStore,
    clean: pd.DataFrame,
    as_of: str,
    model: MonteCarloModel | None = None,
    shift: float = 0.0,
    parts: dict[str, Any] | None = None,
    **changes: Any,
) -> Version:
    """Fit, draw, predict and register; another `shift` of the draws gives another product of the same data."""
    model = model or Shop()
    day = date.fromisoformat(as_of)
    features = model.features(clean)
    posterior = sampled(model, features, shift)
    targets = model.targets(clean, day)
    references = {
        "snapshot": store_table(store, clean, "snapshots", raw_sha256="0" * 64),
        "clean": store_table(store, clean, "clean"),
        "features": store_table(store, features, "features", clean="0" * 64),
        "plan": _json(store, "plan", {"seed": 1, "day": as_of}),
        "posterior": store_bytes(store, *_under("posteriors", posterior.to_netcdf()), "posterior", {"verdict": "pass"}),
        "scores": _scores(store, (parts or {}).get("scores", SCORES)),
        "drift": _json(store, "drift", (parts or {}).get("drift", DRIFT)),
        "code": store_bytes(store, *_under("code", archive(model)), "code"),
    }
    references["product"] = _product(store, model, posterior, targets, day, references["posterior"].sha256)
    horizon = model.horizon(day)
    version = Version(
        model=model.name,
        product=references["product"].sha256,
        as_of=as_of,
        valid_from=horizon.valid_from.isoformat(),
        valid_until=horizon.valid_until.isoformat(),
        run=f"run-{as_of}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        references=references,
        parameters={"model": model.name, "seed": 1},
        metrics={"rhat_max": 1.002, "ess_min": 951.0, "crps": 0.31},
        gate="pass",
        drift="stable",
        model_class=class_name(model),
        about=describe(model),
    )
    return versions.add(store, replace(version, **changes))


def sampled(model: MonteCarloModel, features: pd.DataFrame, shift: float = 0.0) -> Posterior:
    """Draws of the model, as `diagnose` stores them."""
    fitted = model.fit(features)
    chains = [model.draw(fitted, np.random.default_rng([1, chain]), DRAWS) for chain in range(CHAINS)]
    values = {name: np.stack([chain[name] for chain in chains]) + shift for name in chains[0]}
    dims = dict(model.dims())
    coords = {axis: [str(label) for label in fitted[axis]] for axes in dims.values() for axis in axes}
    return Posterior(values, {}, range(CHAINS), dims, coords, seed=1)


def published(store: ObjectStore, version: Version) -> pd.DataFrame:
    """The registered rows of a version."""
    folder = version.references["product"].key.rpartition("/")[0]
    return pd.read_parquet(io.BytesIO(store.get(f"{folder}/predictions.parquet")))


def _product(
    store: ObjectStore, model: MonteCarloModel, posterior: Posterior, targets: pd.DataFrame, day: date, digest: str
) -> Reference:
    horizon = model.horizon(day)
    facts = {
        "model": model.name,
        "as_of": day,
        "valid_from": horizon.valid_from,
        "valid_until": horizon.valid_until,
        "keys": model.keys,
        "quantities": model.quantities,
        "posterior": digest,
    }
    draws = posterior.draws()
    tables = (*predict_rows(model, draws, targets, CHAINS), explain_rows(model, draws, targets))
    made = publish(store, [tables], facts)
    return replace(made, meta=made.meta | {"targets": asdict(store_table(store, targets, "targets"))})


def _scores(store: ObjectStore, said: dict[str, Any]) -> Reference:
    """The scores, and the outcomes beside them, as `evaluate` stores them."""
    outcomes = to_parquet(pd.DataFrame({"shop": list("abcdef"), "sales": [OUTCOME + place for place in range(6)]}))
    data = canonical_json({**said, "outcomes_sha256": digest_bytes(outcomes)})
    folder = f"scores/{digest_bytes(data)}"
    store.put(f"{folder}/outcomes.parquet", outcomes)
    return store_bytes(store, f"{folder}/scores.json", data, "scores")


def _json(store: ObjectStore, kind: str, value: Any) -> Reference:
    return store_bytes(store, *_under(kind, canonical_json(value)), kind)


def _under(kind: str, data: bytes) -> Sequence[Any]:
    return f"{kind}/{digest_bytes(data)}", data
