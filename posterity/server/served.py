"""One version of a product in memory, ready to be answered."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from posterity.data.product import ProductFacts
from posterity.registry.versions import Version
from posterity.scoring.columns import Columns
from posterity.scoring.scorer import Scorer, load_scorer
from posterity.server.http import Headers
from posterity.server.inputs import trained_on
from posterity.server.rows import Rows
from posterity.server.standing import Standing, read_standing
from posterity.store import ObjectStore, Reference

if TYPE_CHECKING:
    from posterity.server.batching import Batcher

REFUSE = "refuse"  # what a model declares of products that have expired


@dataclass(frozen=True)
class Mark:
    """What every answer about a version says of its validity: the begin of a JSON object, headers, part of an ETag."""

    expired: bool
    facts: Mapping[str, Any]
    opening: bytes
    headers: Headers
    tag: bytes


class ServedVersion:
    """The record of a version with its rows and how it stands. `about` is its model and number, for metrics."""

    def __init__(self, record: Version, facts: ProductFacts, rows: Rows, standing: Standing) -> None:
        self.record = record
        self.facts = facts
        self.rows = rows
        self.standing = standing
        self.ends = end_of(facts.valid_until)
        self.refuses = record.about.get("after_expiry") == REFUSE
        self.about = (record.model, str(record.number))
        self.unscorable: str = record.about.get("unscorable", "")
        self.batcher: Batcher | None = None
        self._scorer: Scorer | None = None
        self._trained: Columns | None = None
        self._lock = threading.Lock()
        self._marks = (self._mark(False), self._mark(True))

    def mark(self, now: float) -> Mark:
        """What holds at `now`, in seconds since the epoch."""
        return self._marks[now >= self.ends]

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Memory that its parts take: rows, and draws once it has scored."""
        return {"rows": self.rows.nbytes, "draws": self._scorer.nbytes if self._scorer else 0}

    def load_scorer(self, store: ObjectStore) -> Scorer:
        """What scores with this version; read from the store once.

        Raises ModelError, NotFoundError, CorruptError, UnavailableError.
        """
        with self._lock:
            if self._scorer is None:
                self._scorer = load_scorer(store, self.record)
            return self._scorer

    def load_trained(self, store: ObjectStore) -> Columns:
        """What the columns that are scored looked like in training; read from the store once.

        Raises NotFoundError, CorruptError, UnavailableError.
        """
        with self._lock:
            if self._trained is None:
                self._trained = trained_on(store, self.record)
            return self._trained

    def _mark(self, expired: bool) -> Mark:
        facts = validity(self.record, expired)
        digest = self.record.product[:16]
        days = ("as_of", "valid_from", "valid_until")
        said = "; ".join(f"{name.replace('_', '-')}={facts[name]}" for name in days)
        headers: Headers = (
            (b"posterity-version", self.record.label.encode()),
            (b"posterity-validity", said.encode()),
            *(((b"posterity-expired", b"true"),) if expired else ()),
        )
        return Mark(expired, facts, orjson.dumps(facts)[:-1] + b",", headers, f"{digest}{'x' * expired}".encode())


def load_served(store: ObjectStore, record: Version) -> ServedVersion:
    """The product of a version, verified. Raises NotFoundError, CorruptError, UnavailableError."""
    reference = record.references["product"]
    facts = ProductFacts.from_json(reference.fetch(store))
    key = f"{reference.key.rpartition('/')[0]}/predictions.parquet"
    parquet = Reference(key, facts.predictions_sha256, "predictions").fetch(store)
    return ServedVersion(record, facts, Rows(parquet, facts.keys), read_standing(store, record))


def validity(record: Version, expired: bool) -> dict[str, Any]:
    """The fields that begin every answer about a version."""
    return {
        "model": record.model,
        "version": record.number,
        "as_of": record.as_of,
        "valid_from": record.valid_from,
        "valid_until": record.valid_until,
        "expired": expired,
    }


def has_expired(record: Version, now: float) -> bool:
    """Whether the last day that a version is valid for is over, in UTC."""
    return now >= end_of(date.fromisoformat(record.valid_until))


def end_of(day: date) -> float:
    """The end of a day in UTC, in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + timedelta(days=1).total_seconds()
