"""A store with one registered version, made without the pipeline around it."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.serving.model import KINDS, PLACES, Delays
from posterity.data.posterior import Posterior
from posterity.data.product import LATENT, LEVELS, column, publish
from posterity.data.tables import store_table
from posterity.model.source import archive, class_name
from posterity.registry import aliases, versions
from posterity.registry.card import describe
from posterity.registry.versions import Version
from posterity.scoring.predicting import predict_rows
from posterity.store import ObjectStore, Reference, digest_bytes
from posterity.store.digest import canonical_json
from posterity.store.reference import store_bytes

CHAINS, DRAWS = 4, 1000
PIECE = 50_000


def fill(store: ObjectStore) -> pd.DataFrame:
    """Register the model's product of all KINDS × PLACES as the champion; returns what it was predicted from."""
    model = Delays()
    targets = pd.DataFrame([(f"K{k:02d}", f"P{p:03d}") for k in range(KINDS) for p in range(PLACES)])
    targets.columns = pd.Index(["kind", "place"])
    targets["departures"] = np.random.default_rng(1).integers(5, 200, len(targets))
    fitted = model.fit(targets)
    chains = [model.draw(fitted, np.random.default_rng(chain), DRAWS) for chain in range(CHAINS)]
    values = {name: np.stack([chain[name] for chain in chains]) for name in chains[0]}
    coords = {axis: [str(label) for label in fitted[axis]] for axis in ("kind", "place")}
    posterior = Posterior(values, {}, range(CHAINS), model.dims(), coords, seed=1)
    draws = posterior.draws()
    pieces = [targets.iloc[start : start + 2000].reset_index(drop=True) for start in range(0, len(targets), 2000)]
    tables = [predict_rows(model, draws, rows, CHAINS) for rows in pieces]
    _register(store, tables, targets, posterior.to_netcdf())
    return targets


def fill_many(store: ObjectStore, rows: int) -> None:
    """Register a product of so many rows, of random numbers: it is for memory."""

    def tables() -> Iterator[tuple[pd.DataFrame, ...]]:
        rng = np.random.default_rng(2)
        for start in range(0, rows, PIECE):
            size = min(PIECE, rows - start)
            keys = {
                "kind": [f"K{i % KINDS:02d}" for i in range(size)],
                "place": [f"P{start + i:07d}" for i in range(size)],
            }
            names = [column("delayed", name) for name in ("mean", "sd", "mcse")]
            names += [column("delayed", level) for level in LEVELS]
            numbers = {name: rng.random(size) for name in names}
            predictions = pd.DataFrame({**keys, "departures": rng.integers(5, 200, size), **numbers})
            latent = pd.DataFrame({f"delayed_{i:03d}": np.zeros(size, np.float32) for i in range(LATENT)})
            yield predictions, latent

    _register(store, tables(), pd.DataFrame({"kind": ["K00"], "place": ["P0000000"], "departures": [5]}), b"none")


def _register(store: ObjectStore, tables: Any, targets: pd.DataFrame, posterior: bytes) -> None:
    model = Delays()
    today = date.today()
    days = {"as_of": today, "valid_from": today, "valid_until": today + timedelta(days=60)}
    facts = {"model": model.name, "keys": model.keys, "quantities": model.quantities, "posterior": "", **days}
    product = publish(store, tables, facts)
    product = replace(product, meta=product.meta | {"targets": asdict(store_table(store, targets, "targets"))})
    others = {name: _json(store, name) for name in ("snapshot", "clean", "features", "plan", "scores", "drift")}
    archived = archive(model)
    version = Version(
        model=model.name,
        product=product.sha256,
        run="bench",
        created=f"{today}T00:00:00+00:00",
        references={
            **others,
            "product": product,
            "posterior": store_bytes(store, f"posteriors/{digest_bytes(posterior)}", posterior, "posterior"),
            "code": store_bytes(store, f"code/{digest_bytes(archived)}.zip", archived, "code"),
        },
        gate="pass",
        drift="stable",
        model_class=class_name(model),
        about=describe(model),
        **{name: day.isoformat() for name, day in days.items()},
    )
    registered = versions.add(store, version)
    aliases.move(store, model.name, "champion", registered.number, "benchmark", "to be served")


def _json(store: ObjectStore, kind: str) -> Reference:
    data = canonical_json({})
    return store_bytes(store, f"{kind}/{digest_bytes(data)}.json", data, kind)
