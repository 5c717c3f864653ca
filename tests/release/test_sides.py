"""What versions are compared by: their products, or what their posteriors say of another snapshot."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from posterity.data import snapshot
from posterity.errors import NotFoundError
from posterity.registry.versions import Version
from posterity.release.sides import published, snapshot_of, transferred
from posterity.scoring.comparing import compare_products
from posterity.settings import Settings
from posterity.store import ObjectStore, Reference, open_store
from tests.server.products import register, sales
from tests.shop import Shop

DAY = "2026-02-28"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    return open_store(f"file://{tmp_path_factory.mktemp('sides')}/store")


def taken(store: ObjectStore, folder: Path, shops: str) -> Reference:
    """A snapshot of some shops."""
    clean = sales(folder, DAY, shops).assign(cashier="-")
    clean.to_csv(folder / "some.csv", index=False)
    return snapshot.take(store, Shop(), str(folder / "some.csv"), date(2026, 2, 28), Settings()).reference


@pytest.fixture(scope="module")
def version(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Version:
    return register(store, sales(tmp_path_factory.mktemp("all"), DAY), DAY)


def test_the_same_rows_get_the_published_numbers_from_the_posterior(
    store: ObjectStore, version: Version, tmp_path: Path
) -> None:
    found = compare_products(published(store, version), transferred(store, version, taken(store, tmp_path, "abcdef")))
    assert found.rows == (6, 0, 0)
    assert found.quantities[0].most_sds == 0
    assert "as published" in {what: before for what, before, _ in found.facts}["rows"]


def test_another_snapshot_has_other_rows(store: ObjectStore, version: Version, tmp_path: Path) -> None:
    data = taken(store, tmp_path, "ace")
    side = transferred(store, version, data)
    digest = snapshot.digest_of(data)
    assert side.label == f"shop/1 on {digest[:12]}"
    assert side.predictions["shop"].tolist() == list("ace")
    assert side.facts["rows"] == f"of snapshot {digest[:12]}, as of {DAY}"
    assert isinstance(side.predictions, pd.DataFrame)


def test_a_snapshot_is_named_by_its_digest_or_by_a_version(
    store: ObjectStore, version: Version, tmp_path: Path
) -> None:
    data = taken(store, tmp_path, "abc")
    assert snapshot_of(store, snapshot.digest_of(data)[:10]) == data
    assert snapshot_of(store, "shop/1") == version.references["snapshot"]
    with pytest.raises(NotFoundError, match=r"no snapshot in .* with a digest that begins with 'ffffff'"):
        snapshot_of(store, "ffffff")
