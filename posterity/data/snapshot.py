"""Snapshots: immutable, content-addressed copies of the raw data of a run.

A snapshot is `snapshots/<digest>/raw.parquet` with `manifest.json` beside it, which is written last and makes the
snapshot exist; the digest is that of the manifest, which names the table's. Where the table came from does not change
what it is, and lies beside them in `origin.json`. A marker `quarantine.json` says that the data tests failed; such a
snapshot is never an input again. `erased.json` is all that is left of one that was erased.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from posterity.data.connectors import without_password
from posterity.data.tables import column_types, from_parquet, to_parquet
from posterity.errors import CorruptError, DataTestError, ModelError, NotFoundError, SettingsError, SourceError
from posterity.model.contract import Model, PersonalColumn
from posterity.settings import Settings
from posterity.store import ObjectStore, Reference, digest_bytes
from posterity.store.digest import canonical_json

if TYPE_CHECKING:
    import pandas as pd


SNAPSHOTS = "snapshots/"


@dataclass(frozen=True)
class Tombstone:
    """What is left of an erased snapshot: who erased it, why, when, and which versions cannot be made again since."""

    snapshot: str
    who: str
    why: str
    when: str
    versions: list[str] = field(default_factory=list)

    def to_json(self) -> bytes:
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, data: bytes) -> "Tombstone":
        return cls(**json.loads(data))

    def __str__(self) -> str:
        return f"snapshot {self.snapshot[:12]} was erased on {self.when[:10]} by {self.who} ({self.why})"


@dataclass(frozen=True)
class Origin:
    """Where the first snapshot of these data came from, and which columns tell one raw row from another."""

    source: str = ""
    model: str = ""
    row_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What a snapshot is: its day, rows and columns, the digest of its table, and where it came from.

    personal: column → how it was treated before anything was stored.
    """

    source: str
    as_of: str
    rows: int
    columns: dict[str, str]
    sha256: str
    personal: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The bytes that name the snapshot: everything but where the data came from."""
        return canonical_json({name: value for name, value in asdict(self).items() if name != "source"})


@dataclass(frozen=True)
class Taken:
    """A snapshot that was taken; `new` is False when the store held the same one."""

    reference: Reference
    manifest: Manifest
    new: bool


def take(store: ObjectStore, model: Model, source: str, as_of: date, settings: Settings) -> Taken:
    """Read the source as of a day and store it, personal columns treated first.

    Raises SourceError (missing, unreadable, empty, a personal column that is not there, exactly what was erased) and
    SettingsError (no key for pseudonyms); then nothing has been stored.
    """
    name = without_password(source)
    raw = model.extract(source, as_of)
    if raw.empty:
        raise SourceError(f"{name} holds no rows as of {as_of}; nothing is stored and the last product stays as it is")
    raw = _treat(raw, model.personal, settings.pseudonym_key, name)
    try:
        data = to_parquet(raw)
    except ModelError as error:
        raise SourceError(f"{name}: {error}") from error
    personal: dict[str, str] = {rule.column: rule.treatment for rule in model.personal}
    manifest = Manifest(name, as_of.isoformat(), len(raw), column_types(raw), digest_bytes(data), personal)
    digest = digest_bytes(manifest.to_json())
    if stone := erased(store, digest):
        raise SourceError(f"{name} holds what must not come back: {stone}; correct the source")
    store.put(f"snapshots/{digest}/raw.parquet", data)
    store.put(f"snapshots/{digest}/origin.json", canonical_json(asdict(Origin(name, model.name, model.row_keys))))
    new = store.put(f"snapshots/{digest}/manifest.json", manifest.to_json())
    return Taken(_reference(digest, manifest), manifest, new)


def load(store: ObjectStore, reference: Reference) -> "pd.DataFrame":
    """The raw table, verified. Raises NotFoundError, CorruptError, and DataTestError if it is quarantined."""
    digest = digest_of(reference)
    if marker := store.read(_marker(digest)):
        reason = json.loads(marker[0])["reason"]
        raise DataTestError(
            f"snapshot {digest[:12]} is quarantined ({reason}); correct the source and take another, or, if it was the "
            f"test that was wrong, delete {store.url}/{_marker(digest)}"
        )
    return read_raw(store, digest)


def read_raw(store: ObjectStore, digest: str) -> "pd.DataFrame":
    """The raw table of a snapshot to look at, quarantined or not. Raises NotFoundError, CorruptError."""
    manifest = read_manifest(store, digest)
    return from_parquet(Reference(f"snapshots/{digest}/raw.parquet", manifest.sha256, "raw").fetch(store))


def quarantine(store: ObjectStore, reference: Reference, reason: str) -> None:
    """Mark a snapshot so that it can never be an input."""
    store.put(_marker(digest_of(reference)), canonical_json({"reason": reason}))


def read_manifest(store: ObjectStore, digest: str) -> Manifest:
    """The manifest of the snapshot `digest`. Raises NotFoundError, CorruptError."""
    found = store.read(f"snapshots/{digest}/manifest.json")
    if stone := erased(store, digest):
        raise NotFoundError(f"{stone}; what was made from it is no longer reproducible")
    if not found:
        raise NotFoundError(f"no snapshot {digest[:12]} in {store.url}; `posterity data list` shows what there is")
    if digest_bytes(found[0]) != digest:
        raise CorruptError(f"the manifest of snapshot {digest[:12]} in {store.url} was changed; take it again")
    return Manifest(source=read_origin(store, digest).source, **json.loads(found[0]))


def read_origin(store: ObjectStore, digest: str) -> Origin:
    """Where the snapshot `digest` came from; empty where the store does not know."""
    found = store.read(f"snapshots/{digest}/origin.json")
    origin = Origin(**json.loads(found[0])) if found else Origin()
    return replace(origin, row_keys=tuple(origin.row_keys))


def find(store: ObjectStore, prefix: str) -> Reference:
    """The snapshot whose digest begins with `prefix`. Raises NotFoundError when none or several do."""
    matches = [digest for digest in digests(store) if digest.startswith(prefix)]
    if len(matches) != 1:
        what = "no snapshot" if not matches else f"{len(matches)} snapshots"
        raise NotFoundError(
            f"{what} in {store.url} with a digest that begins with {prefix!r}; see `posterity data list`"
        )
    return _reference(matches[0], read_manifest(store, matches[0]))


def digests(store: ObjectStore) -> list[str]:
    """The digests of all snapshots."""
    return [key.split("/")[1] for key in store.list("snapshots/") if key.endswith("/manifest.json")]


def is_quarantined(store: ObjectStore, digest: str) -> bool:
    """Whether the data tests of a snapshot failed."""
    return store.size(_marker(digest)) is not None


def erased(store: ObjectStore, digest: str) -> Tombstone | None:
    """The tombstone of a snapshot, None where it was not erased."""
    found = store.read(tombstone_key(digest))
    return Tombstone.from_json(found[0]) if found else None


def tombstone_key(digest: str) -> str:
    """Where the tombstone of a snapshot lies."""
    return f"{SNAPSHOTS}{digest}/erased.json"


def digest_of(reference: Reference) -> str:
    """The digest of the snapshot that a reference refers to."""
    return reference.key.split("/")[1]


def _marker(digest: str) -> str:
    return f"snapshots/{digest}/quarantine.json"


def _reference(digest: str, manifest: Manifest) -> Reference:
    facts = {"rows": manifest.rows, "columns": manifest.columns, "raw_sha256": manifest.sha256}
    return Reference(f"snapshots/{digest}/manifest.json", digest, "snapshot", facts)


def _treat(raw: "pd.DataFrame", rules: Iterable[PersonalColumn], key: str, source: str) -> "pd.DataFrame":
    """`raw` with personal columns dropped, or their values replaced by HMAC-SHA256 of (key, column, value)."""
    for rule in rules:
        if rule.column not in raw:
            raise SourceError(
                f"{source} has no column {rule.column}, which is declared as personal: under a new name it would be "
                "stored as it is; correct the declaration or the source"
            )
        if rule.treatment == "drop":
            raw = raw.drop(columns=rule.column)
        elif not key:
            raise SettingsError(
                f"column {rule.column} is to be pseudonymised, but there is no key; set POSTERITY_PSEUDONYM_KEY"
            )
        else:
            secret = f"{key}\x00{rule.column}".encode()
            names = {value: _pseudonym(secret, value) for value in raw[rule.column].dropna().unique()}
            raw = raw.assign(**{rule.column: raw[rule.column].map(names).astype("str")})
    return raw


def _pseudonym(secret: bytes, value: object) -> str:
    return hmac.new(secret, str(value).encode(), hashlib.sha256).hexdigest()[:32]
