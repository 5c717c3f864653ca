"""References: the small JSON that travels between stages in place of the bytes."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from posterity.errors import CorruptError
from posterity.store.digest import canonical_json, digest_bytes
from posterity.store.objects import ObjectStore


@dataclass(frozen=True)
class Reference:
    """Where an immutable object lies and what it is.

    key: the key in the store; sha256: of the object's bytes; kind: what it is (`snapshot`, `features`,
    `posterior`, …); meta: small facts such as rows, schema and digests of what it was made from.
    """

    key: str
    sha256: str
    kind: str
    meta: dict[str, Any] = field(default_factory=dict)

    def write(self, path: str | Path) -> None:
        """Write the reference as JSON, the form of a pipeline artifact."""
        Path(path).write_bytes(canonical_json(asdict(self)))

    @classmethod
    def read(cls, path: str | Path) -> "Reference":
        """Read an artifact. Raises CorruptError naming the file when it is not a reference."""
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (ValueError, TypeError, OSError) as error:
            raise CorruptError(f"{path} is not a reference ({error}); run the stage that made it again") from error

    def fetch(self, store: ObjectStore) -> bytes:
        """The object's bytes, verified. Raises NotFoundError, CorruptError."""
        data = store.get(self.key)
        if digest_bytes(data) != self.sha256:
            raise CorruptError(
                f"{store.url}/{self.key} does not match its SHA-256 {self.sha256[:12]}: it was changed or cut "
                "after it was written; restore it or delete it and run its stage again"
            )
        return data


def store_bytes(store: ObjectStore, key: str, data: bytes, kind: str, meta: dict[str, Any] | None = None) -> Reference:
    """Put `data` under `key` if absent and return the reference to it."""
    store.put(key, data)
    return Reference(key, digest_bytes(data), kind, meta or {})
