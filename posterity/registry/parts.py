"""Everything that a version consists of, the objects behind its manifests included."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from posterity.errors import CorruptError, NotFoundError
from posterity.registry.versions import Version
from posterity.store import ObjectStore, Reference, digest_bytes

BESIDE = {"plan": ("density",), "posterior": ("gate.json",)}  # kept in the folder of the part, without a reference


@dataclass(frozen=True)
class Part:
    """One object of a version. size: bytes, None where the store has lost it."""

    name: str
    reference: Reference
    size: int | None

    @property
    def rows(self) -> int | None:
        """Rows, where it is a table or describes one."""
        rows: int | None = self.reference.meta.get("rows")
        return rows


def parts(store: ObjectStore, version: Version) -> list[Part]:
    """The parts of `version`: what its record refers to, and `snapshot_raw`, `product_predictions`, `product_latent`,
    `plan_density` and `posterior_gate`, which lie beside those. What the store has lost is left out or has no size.
    """
    found = []
    for name, reference in version.references.items():
        found.append(Part(name, reference, store.size(reference.key)))
        found += [Part(f"{name}_{item.kind}", item, store.size(item.key)) for item in _beside(store, name, reference)]
    return found


def read_part(store: ObjectStore, part: Part) -> bytes | None:
    """The bytes of a part; None where they are gone or are not what was registered."""
    try:
        return part.reference.fetch(store)
    except (NotFoundError, CorruptError):
        return None


def _beside(store: ObjectStore, name: str, reference: Reference) -> Iterator[Reference]:
    folder = reference.key.rpartition("/")[0]
    if name == "snapshot":
        meta = {"rows": reference.meta.get("rows"), "columns": reference.meta.get("columns")}
        yield Reference(f"{folder}/raw.parquet", reference.meta.get("raw_sha256", ""), "raw", meta)
    if name == "product":
        for table, digest in _tables(store, reference).items():
            yield Reference(f"{folder}/{table}.parquet", digest, table, {"rows": reference.meta.get("rows")})
    for file in BESIDE.get(name, ()):
        key = f"{folder}/{file}"
        if store.size(key) is not None:
            yield Reference(key, digest_bytes(store.get(key)), file.partition(".")[0])


def _tables(store: ObjectStore, product: Reference) -> dict[str, str]:
    """Table of a product → its digest, from the product's facts."""
    data = read_part(store, Part("product", product, None))
    facts = json.loads(data) if data else {}
    return {table: facts[f"{table}_sha256"] for table in ("predictions", "latent") if f"{table}_sha256" in facts}
