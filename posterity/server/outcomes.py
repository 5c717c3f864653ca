"""Outcomes that a client reports, checked against the version that they are about."""

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from posterity.server.errors import RequestError
from posterity.server.rows import key_text
from posterity.server.served import ServedVersion

MOST = 10_000  # entries of a post
LONGEST = 2000  # characters of a comment
FIELDS = {"key", "value", "comment"}


def parse_actuals(said: Mapping[str, Any], served: ServedVersion) -> list[dict[str, Any]]:
    """Key, values and comment of each entry. Raises RequestError (400, 413) naming what is wrong with the first."""
    entries = said.get("entries")
    if not isinstance(entries, list) or not entries or not all(isinstance(item, dict) for item in entries):
        raise RequestError(400, "bad_actuals", "`entries` must be a list of objects")
    if unknown := sorted(set(said) - {"entries", "version"}):
        raise RequestError(400, "bad_actuals", f"there is no field {', '.join(unknown)}; there are entries and version")
    if len(entries) > MOST:
        raise RequestError(413, "too_large", f"{len(entries):,} entries are more than {MOST:,}; send them in parts")
    return [_entry(served, item, place) for place, item in enumerate(entries)]


def _entry(served: ServedVersion, item: Mapping[str, Any], place: int) -> dict[str, Any]:
    if not {"key", "value"} <= set(item) <= FIELDS:
        raise _bad(
            place, f"has the fields {', '.join(sorted(item)) or 'none'}; it needs key and value, and may comment"
        )
    comment = item.get("comment") or ""
    if not isinstance(comment, str) or len(comment) > LONGEST:
        raise _bad(place, f"has a comment that is no text of up to {LONGEST:,} characters")
    return {
        "key": _key(served, item["key"], place),
        "values": _values(served, item["value"], place),
        "comment": comment.strip(),
    }


def _key(served: ServedVersion, key: Any, place: int) -> dict[str, Any]:
    """The key columns of the row that is meant, as the product has them."""
    names = served.rows.keys
    if isinstance(key, str):
        texts = [unquote(part) for part in key.split(",")]
    elif isinstance(key, dict) and set(key) == set(names):
        texts = [key_text(key[name]) for name in names]
    else:
        raise _bad(place, f"has the key {key!r}; write {','.join(names)} as text, or an object of these")
    row = served.rows.find(texts) if len(texts) == len(names) else None
    if row is None:
        raise _bad(place, f"has the key {key!r}, which {served.record.label} has no row for")
    values = orjson.loads(served.rows.row(row))
    return {name: values[name] for name in names}


def _values(served: ServedVersion, value: Any, place: int) -> dict[str, float]:
    """Value of each quantity and exposure."""
    quantities = served.facts.quantities
    counts = {quantity.exposure for quantity in quantities if quantity.exposure}
    shares = {quantity.name for quantity in quantities if quantity.exposure}
    names = {quantity.name for quantity in quantities} | counts
    given = value if isinstance(value, dict) else {quantities[0].name: value}
    if set(given) != names:
        raise _bad(place, f"needs a value for each of {', '.join(sorted(names))}")
    for name, number in given.items():
        if type(number) not in (int, float) or not math.isfinite(number):
            raise _bad(place, f"has {name}={number!r}, which is no number")
        if name in counts and (number < 0 or number != math.floor(number)):
            raise _bad(place, f"has {name}={number!r}, which is no count")
        if name in shares and not 0 <= number <= 1:
            raise _bad(place, f"has {name}={number!r}, but it is a share, from 0 to 1")
    return {name: float(number) for name, number in given.items()}


def _bad(place: int, what: str) -> RequestError:
    return RequestError(400, "bad_actuals", f"entry {place} {what}")
