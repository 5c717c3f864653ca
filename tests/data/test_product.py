from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from posterity.data.product import LATENT, ProductFacts, column, load_product, publish
from posterity.errors import CorruptError, UnavailableError
from posterity.model.contract import Horizon, Quantity
from posterity.store.directory import DirectoryStore

FACTS = {
    "model": "flights",
    "as_of": date(2013, 3, 31),
    "valid_from": date(2013, 4, 1),
    "valid_until": date(2013, 4, 30),
    "keys": ("carrier", "dest"),
    "quantities": (Quantity("share", "share", exposure="flights"), Quantity("delay", "min")),
    "posterior": "0" * 64,
}


def pieces(rows: int = 50, size: int = 20, seed: int = 1) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"carrier": rng.choice(["AA", "9E"], rows), "dest": "ÄÖ", "flights": rng.integers(1, 90, rows)}
    )
    latent = {}
    for quantity in ("share", "delay"):
        table[f"{quantity}_mean"] = rng.random(rows)
        latent |= {f"{quantity}_{i:03d}": rng.random(rows).astype(np.float32) for i in range(LATENT)}
    whole = pd.DataFrame(latent)
    for start in range(0, rows, size):
        part = slice(start, start + size)
        yield table.iloc[part].reset_index(drop=True), whole.iloc[part].reset_index(drop=True)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


def test_a_product_is_read_as_it_was_written(store: DirectoryStore) -> None:
    reference = publish(store, pieces(), FACTS)
    product = load_product(store, reference)
    table, latent = (pd.concat(parts, ignore_index=True) for parts in zip(*pieces(), strict=True))
    pd.testing.assert_frame_equal(product.predictions, table)
    np.testing.assert_array_equal(product.latent["delay"], latent.iloc[:, LATENT:])
    assert product.latent["share"].shape == (50, LATENT)
    assert product.facts.rows == reference.meta["rows"] == 50
    assert product.facts.quantities == FACTS["quantities"]
    assert product.facts.horizon == Horizon(date(2013, 4, 1), date(2013, 4, 30))
    assert ProductFacts.from_json(product.facts.to_json()) == product.facts


def test_the_same_product_has_the_same_digest_and_another_another(store: DirectoryStore) -> None:
    reference = publish(store, pieces(), FACTS)
    assert publish(store, pieces(), FACTS) == reference
    assert publish(store, pieces(seed=2), FACTS).sha256 != reference.sha256
    assert publish(store, pieces(), {**FACTS, "posterior": "1" * 64}).sha256 != reference.sha256


def test_a_product_that_fails_half_way_does_not_exist(store: DirectoryStore) -> None:
    def failing() -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        yield from pieces(20)
        raise UnavailableError("away")

    with pytest.raises(UnavailableError):
        publish(store, failing(), FACTS)
    assert list(store.list("")) == []


@pytest.mark.parametrize("name", ["predictions.parquet", "latent.parquet", "product.json"])
def test_a_changed_product_is_corrupt(store: DirectoryStore, name: str) -> None:
    reference = publish(store, pieces(), FACTS)
    key = f"{reference.key.rpartition('/')[0]}/{name}"
    store.overwrite(key, store.get(key)[:-1])
    with pytest.raises(CorruptError, match=name):
        load_product(store, reference)


def test_names_of_columns() -> None:
    assert [column("share", statistic) for statistic in ("mean", 0.05, 0.5, 0.95)] == [
        "share_mean",
        "share_q05",
        "share_q50",
        "share_q95",
    ]
