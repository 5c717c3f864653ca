"""Data products: the predictions of one run, written once, in pieces, and read again for scoring.

A product lies under `products/<model>/<digest>/`: `predictions.parquet` (one row per key with mean, sd, MCSE and
quantiles of each quantity), `latent.parquet` (100 mid-quantiles of the draws that `predict` gave, from which any
score can be computed later), `effects.parquet` where the model explains its predictions (mean and 90 % interval of
each effect's contribution) and `product.json` (validity, rows, digests of the files and of the posterior).
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from posterity.data.tables import from_parquet
from posterity.model.contract import Horizon, Quantity
from posterity.model.draws import Array
from posterity.store import ObjectStore, Reference, digest_bytes, digest_file
from posterity.store.digest import canonical_json

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
LATENT = 100
TABLES = ("predictions", "latent", "effects")


@dataclass(frozen=True)
class ProductFacts:
    """What is known of a product beside its rows."""

    model: str
    as_of: date
    valid_from: date
    valid_until: date
    rows: int
    keys: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    posterior: str
    predictions_sha256: str
    latent_sha256: str
    effects_sha256: str = ""

    @property
    def horizon(self) -> Horizon:
        """The period that the product is valid for."""
        return Horizon(self.valid_from, self.valid_until)

    def to_json(self) -> bytes:
        facts = json.loads(json.dumps(asdict(self), default=str))
        return canonical_json({name: value for name, value in facts.items() if name != "effects_sha256" or value})

    @classmethod
    def from_json(cls, data: bytes) -> "ProductFacts":
        facts = json.loads(data)
        days = {name: date.fromisoformat(facts[name]) for name in ("as_of", "valid_from", "valid_until")}
        quantities = tuple(Quantity(**quantity) for quantity in facts["quantities"])
        return cls(**{**facts, **days, "quantities": quantities, "keys": tuple(facts["keys"])})


@dataclass(frozen=True)
class Product:
    """A product that has been read: its facts, its rows, and quantity → latent quantiles (rows, 100)."""

    facts: ProductFacts
    predictions: "pd.DataFrame"
    latent: Mapping[str, Array]


def column(quantity: str, statistic: str | float) -> str:
    """The name of a column: `share_mean`, `share_q05`, between two percents `share_q02.5`."""
    if isinstance(statistic, str):
        return f"{quantity}_{statistic}"
    percent = round(statistic * 100, 6)
    return f"{quantity}_q{percent:02.0f}" if percent == round(percent) else f"{quantity}_q{percent:04.7g}"


class Effect(NamedTuple):
    """A column of the table of effects: which statistic of which part of which quantity, on the scale of which link."""

    quantity: str
    link: str
    part: str
    statistic: str

    @property
    def column(self) -> str:
        """The column's name."""
        return "/".join(self)

    @classmethod
    def parse(cls, column: str) -> "Effect":
        """What `column` wrote."""
        quantity, link, rest = column.split("/", 2)
        part, _, statistic = rest.rpartition("/")
        return cls(quantity, link, part, statistic)


class ProductWriter:
    """Writes the tables of a product piece by piece, so that memory does not grow with its rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writers: dict[str, pq.ParquetWriter] = {}
        self.rows = 0

    def add(self, *tables: "pd.DataFrame") -> None:
        """Append a piece: predictions, latent quantiles and effects, with the same rows. No columns, no file."""
        there = [(name, frame) for name, frame in zip(TABLES, tables, strict=False) if len(frame.columns)]
        for name, frame in there:
            table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
            if name not in self.writers:
                self.writers[name] = pq.ParquetWriter(self.folder / f"{name}.parquet", table.schema, compression="zstd")
            self.writers[name].write_table(table.cast(self.writers[name].schema))
        self.rows += len(tables[0])

    def close(self) -> dict[str, str]:
        """Finish all files; returns the SHA-256 of each by its name."""
        for writer in self.writers.values():
            writer.close()
        return {name: digest_file(self.folder / f"{name}.parquet") for name in self.writers}


def publish(
    store: ObjectStore,
    pieces: Iterable[Sequence["pd.DataFrame"]],
    facts: Mapping[str, Any],
) -> Reference:
    """Write a product from its pieces and put it into the store; `product.json` comes last and makes it exist."""
    with tempfile.TemporaryDirectory() as temporary:
        writer = ProductWriter(Path(temporary))
        for tables in pieces:
            writer.add(*tables)
        digests = {f"{name}_sha256": digest for name, digest in writer.close().items()}
        product = ProductFacts(rows=writer.rows, **{**facts, **digests})
        data = product.to_json()
        base = f"products/{product.model}/{digest_bytes(data)}"
        for name in writer.writers:
            store.put_file(f"{base}/{name}.parquet", Path(temporary) / f"{name}.parquet")
    store.put(f"{base}/product.json", data)
    return Reference(f"{base}/product.json", digest_bytes(data), "product", {"rows": product.rows})


def load_product(store: ObjectStore, reference: Reference) -> Product:
    """Read a product, verified. Raises NotFoundError, CorruptError."""
    facts = ProductFacts.from_json(reference.fetch(store))
    base = reference.key.rpartition("/")[0]
    predictions = Reference(f"{base}/predictions.parquet", facts.predictions_sha256, "predictions").fetch(store)
    latent = from_parquet(Reference(f"{base}/latent.parquet", facts.latent_sha256, "latent").fetch(store))
    arrays = {
        quantity.name: latent[[f"{quantity.name}_{i:03d}" for i in range(LATENT)]].to_numpy(np.float64)
        for quantity in facts.quantities
    }
    return Product(facts, from_parquet(predictions), arrays)
