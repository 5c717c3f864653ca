"""Registered versions with real products of a few rows, without a run behind them."""

import json
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from posterity.data.product import LATENT, publish
from posterity.model.contract import Quantity
from posterity.registry import versions
from posterity.registry.versions import Version
from posterity.store import ObjectStore, Reference, digest_bytes
from posterity.store.reference import store_bytes
from tests.registry.examples import a_version

FACTS: dict[str, Any] = {
    "model": "flights",
    "as_of": date(2013, 3, 31),
    "valid_from": date(2013, 4, 1),
    "valid_until": date(2013, 4, 30),
    "keys": ("carrier", "dest"),
    "quantities": (Quantity("share", "share of flights", exposure="flights"),),
    "posterior": "0" * 64,
}
NOT_SCORED: dict[str, Any] = {"version": None, "metrics": {}, "verdict": "", "comparisons": []}


def predictions(rows: int = 7, seed: int = 1, **columns: Any) -> pd.DataFrame:
    """A product's table: keys, trials, mean and a quantile."""
    rng = np.random.default_rng(seed)
    table = {
        "carrier": [f"C{row % 3}" for row in range(rows)],
        "dest": [f"Zürich 'O{row}" for row in range(rows)],
        "flights": rng.integers(1, 90, rows),
        "share_mean": rng.random(rows),
        "share_q95": rng.random(rows),
    }
    return pd.DataFrame({**table, **columns})


def register(store: ObjectStore, table: pd.DataFrame, code: str = "code", **changes: Any) -> Version:
    """Register `table` as the next version of flights, made by `code`; `scores` and `drift_report` are what the stages
    of those names found."""
    latent = pd.DataFrame(np.full((len(table), LATENT), 0.5), columns=[f"share_{i:03d}" for i in range(LATENT)])
    product = publish(store, [(table, latent)], FACTS)
    made = a_version(store)
    findings = {"scores": changes.pop("scores", NOT_SCORED), "drift": changes.pop("drift_report", {})}
    references = {**made.references, "product": product, "code": _object(store, "code", code.encode())}
    references |= {name: _object(store, name, json.dumps(facts).encode()) for name, facts in findings.items()}
    about = {"keys": FACTS["keys"], "quantities": [asdict(item) for item in FACTS["quantities"]]}
    changes["about"] = about | changes.get("about", {})
    return versions.add(store, replace(made, product=product.sha256, references=references, **changes))


def nth(store: ObjectStore, number: int, **changes: Any) -> Version:
    """Another version of flights, with a product of its own."""
    return register(store, predictions(seed=number), run=f"run-{number}", **changes)


def _object(store: ObjectStore, kind: str, data: bytes) -> Reference:
    return store_bytes(store, f"{kind}/{digest_bytes(data)}.json", data, kind)
