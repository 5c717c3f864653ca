"""A header and named arrays as one block of bytes: equal content gives equal bytes.

posterity 1 <SHA-256 of the rest, 64 hexadecimal digits>\\n
<length of the header, 16 decimal digits>\\n
<header: canonical JSON with the arrays' names, types and shapes>
<the arrays, little-endian, in the order of their names>
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.errors import CorruptError
from posterity.store.digest import canonical_json, digest_bytes

MAGIC = b"posterity 1 "
_DIGEST = len(MAGIC) + 64
_HEADER = _DIGEST + 1 + 16 + 1

Array = NDArray[Any]


def pack(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """The bytes of `header` (JSON values) and `arrays`."""
    ordered = {name: _little_endian(arrays[name]) for name in sorted(arrays)}
    described = [[name, array.dtype.str, list(array.shape)] for name, array in ordered.items()]
    text = canonical_json({"header": dict(header), "arrays": described})
    rest = b"\n%016d\n" % len(text) + text + b"".join(array.tobytes() for array in ordered.values())
    return MAGIC + digest_bytes(rest).encode() + rest


def unpack(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header and the arrays (read-only). Raises CorruptError naming `name` if a single bit is not as written."""
    if data[: len(MAGIC)] != MAGIC or digest_bytes(data[_DIGEST:]).encode() != data[len(MAGIC) : _DIGEST]:
        raise CorruptError(
            f"{name} ({len(data)} bytes) does not match its SHA-256: it was cut or changed after it was written; "
            "restore it, or delete it and run its stage again"
        )
    start = _HEADER + int(data[_DIGEST + 1 : _HEADER - 1])
    content = json.loads(data[_HEADER:start])
    arrays: dict[str, Array] = {}
    for label, kind, shape in content["arrays"]:
        count = int(np.prod(shape))
        arrays[label] = np.frombuffer(data, np.dtype(kind), count, start).reshape(shape)
        start += arrays[label].nbytes
    return content["header"], arrays


def _little_endian(array: Array) -> Array:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
