"""A version's predictions as one file that works offline."""

from collections.abc import Callable, Mapping
from pathlib import Path

from posterity.data.parquet import read_table
from posterity.data.product import ProductFacts
from posterity.errors import SettingsError
from posterity.registry.versions import Version
from posterity.scoring.files import with_validity, write_table
from posterity.store import ObjectStore, Reference

SQLITE = "sqlite"


def export(store: ObjectStore, version: Version, kind: str, path: Path) -> int:
    """Write the predictions as csv, parquet or sqlite, whole or not at all; returns their number.

    Every row says of which version it is and from when to when it is valid. In an SQLite file the view `MODEL_current`
    has them, as in the database that promotion publishes to.

    Raises SettingsError on another kind, NotFoundError, CorruptError.
    """
    if kind not in KINDS:
        raise SettingsError(f"--to {kind} is none of {', '.join(KINDS)}")
    if not path.parent.is_dir():
        raise SettingsError(f"the folder {path.parent} does not exist")
    return KINDS[kind](store, version, path)


def _as_table(store: ObjectStore, version: Version, path: Path) -> int:
    reference = version.references["product"]
    facts = ProductFacts.from_json(reference.fetch(store))
    key = f"{reference.key.rpartition('/')[0]}/predictions.parquet"
    rows = read_table(Reference(key, facts.predictions_sha256, "predictions").fetch(store))
    write_table(with_validity(version, rows), str(path))
    return int(rows.num_rows)


def _as_database(store: ObjectStore, version: Version, path: Path) -> int:
    from posterity.release.database import Database

    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        database = Database(f"sqlite:///{partial.absolute()}")
        database.publish(store, version)
        database.switch(version.model, version.number)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return ProductFacts.from_json(version.references["product"].fetch(store)).rows


KINDS: Mapping[str, Callable[[ObjectStore, Version, Path], int]] = {
    "csv": _as_table,
    "parquet": _as_table,
    SQLITE: _as_database,
}
