"""SHA-256 digests of bytes, files and JSON values."""

import hashlib
import json
from pathlib import Path
from typing import Any


def digest_bytes(data: bytes) -> str:
    """The SHA-256 of `data`, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> bytes:
    """`value` as JSON with sorted keys and no spaces: equal values give equal bytes.

    NaN and infinities are refused with ValueError, since JSON has no word for them.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest_json(value: Any) -> str:
    """The SHA-256 of `value` in canonical JSON."""
    return digest_bytes(canonical_json(value))
