"""Ask a server about one version as its users would, and hold the answers against what was registered."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

from posterity.data.parquet import read_batches
from posterity.data.product import ProductFacts
from posterity.errors import CorruptError, NotFoundError, RefusedError, UnavailableError
from posterity.registry.versions import Version
from posterity.release.check import Check
from posterity.release.client import Client, key_text, version_path
from posterity.release.definition import terms
from posterity.store import ObjectStore, Reference, digest_bytes

PIECE = 10_000  # rows of the registered product in memory at once
ASKED = 50  # keys that are timed
SLOWEST = 0.95  # the share of answers that have to come in time
KNOWN = 60.0  # seconds that a server may take to notice a version


def probe(store: ObjectStore, client: Client, version: Version) -> tuple[Check, ...]:
    """All checks, in their order; a server that does not answer fails them. Raises UnavailableError where the store
    is away."""
    try:
        facts, registered = _registered(store, version)
    except (CorruptError, NotFoundError) as error:
        return (Check("product", False, str(error)),)
    looks: dict[str, Callable[[], str]] = {
        "health": lambda: _health(client, version),
        "contract": lambda: _contract(client, version, facts),
        "rows": lambda: _rows(client, version, facts, registered),
        "file": lambda: _file(client, version, facts),
        "latency": lambda: _latency(client, version, facts),
        "refusals": lambda: _refusals(client, version, facts),
    }
    return tuple(_look(name, look) for name, look in looks.items())


class ProbeError(RefusedError):
    """An answer that is not what it has to be."""


def _look(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except (ProbeError, UnavailableError) as error:
        return Check(name, False, str(error))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return Check(name, False, f"the answer has not the agreed form ({type(error).__name__}: {error})")


def _registered(store: ObjectStore, version: Version) -> tuple[ProductFacts, bytes]:
    """Facts and rows as they were registered. Raises CorruptError, NotFoundError where they are no longer."""
    reference = version.references["product"]
    facts = ProductFacts.from_json(reference.fetch(store))
    key = f"{reference.key.rpartition('/')[0]}/predictions.parquet"
    return facts, Reference(key, facts.predictions_sha256, "predictions").fetch(store)


def _health(client: Client, version: Version) -> str:
    client.wait_ready(KNOWN)
    client.wait_for(version.model, version.number, KNOWN)
    return "the server is ready"


def _contract(client: Client, version: Version, facts: ProductFacts) -> str:
    """Validity, keys and quantities are those that were registered."""
    said = client.get(version_path(version.model, version.number)).json
    expected = {
        "model": version.model,
        "version": version.number,
        "as_of": version.as_of,
        "valid_from": version.valid_from,
        "valid_until": version.valid_until,
        "rows": facts.rows,
        "keys": list(facts.keys),
        "quantities": [asdict(quantity) for quantity in facts.quantities],
    }
    if wrong := [
        f"{name} {said.get(name)!r}, not {value!r}" for name, value in expected.items() if said.get(name) != value
    ]:
        raise ProbeError(f"the server says {'; '.join(wrong)}")
    return "validity, keys and quantities are those that were registered"


def _rows(client: Client, version: Version, facts: ProductFacts, registered: bytes) -> str:
    """Every row, none missing and none too many, with every figure to the bit."""
    count = 0
    for expected, served in zip_longest(_expected(registered), client.rows(version.model, version.number)):
        count += 1
        if expected is None:
            raise ProbeError(f"row {key_text(served, facts.keys)} is served and was not registered")
        if served is None:
            raise ProbeError(f"row {key_text(expected, facts.keys)} is missing")
        if served != expected:
            raise ProbeError(f"row {key_text(expected, facts.keys)}: {_difference(expected, served)}")
    if count != facts.rows:
        raise ProbeError(f"the product says that it has {facts.rows:,} rows, and has {count:,}")
    return f"all {count:,} rows are those that were registered"


def _expected(registered: bytes) -> Iterator[dict[str, Any]]:
    for piece in read_batches(registered, PIECE):
        for row in piece.to_pylist():
            yield {name: _in_json(value) for name, value in row.items()}


def _in_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date | datetime) else value


def _difference(expected: Mapping[str, Any], served: Mapping[str, Any]) -> str:
    names = dict.fromkeys([*expected, *served])
    name = next(name for name in names if expected.get(name) != served.get(name))
    return f"{name} is {served.get(name)!r}, not {expected.get(name)!r}"


def _file(client: Client, version: Version, facts: ProductFacts) -> str:
    body = client.get(f"{version_path(version.model, version.number)}/predictions.parquet").body
    if digest_bytes(body) != facts.predictions_sha256:
        raise ProbeError("the Parquet file is not the registered one")
    return "the Parquet file is the registered one, to the byte"


def _latency(client: Client, version: Version, facts: ProductFacts) -> str:
    """Single keys, one after the other; the first answer, which may have to load something, does not count."""
    path, bound = f"{version_path(version.model, version.number)}/predictions", terms(version).latency
    page = client.get(f"{path}?limit={ASKED}").json["predictions"]
    keys = [key_text(row, facts.keys) for row in page]
    client.get(f"{path}/{keys[0]}")
    taken = []
    for place in range(ASKED):
        began = time.perf_counter()
        client.get(f"{path}/{keys[place % len(keys)]}")
        taken.append(time.perf_counter() - began)
    slowest = sorted(taken)[math.ceil(SLOWEST * ASKED) - 1]
    text = f"{SLOWEST:.0%} of {ASKED} answers within {1000 * slowest:.1f} ms, {1000 * bound:g} ms are allowed"
    if slowest > bound:
        raise ProbeError(text)
    return text


def _refusals(client: Client, version: Version, facts: ProductFacts) -> str:
    """Bad requests get a status of their kind and the one shape of errors."""
    base = version_path(version.model, version.number)
    bad = {
        "/v1/products/no-such-model/predictions": 404,
        f"{version_path(version.model, 999_999_999)}/predictions": 404,
        f"{version_path(version.model, 'newest')}/predictions": 404,
        f"{base}/predictions/{','.join('?' for _ in facts.keys).replace('?', '%3F%3F')}": 404,
        f"{base}/predictions?no-such-column=1": 400,
        f"{base}/predictions?page=nowhere": 400,
        f"{base}/predictions?limit=none": 400,
        "/no/such/path": 404,
    }
    for path, status in bad.items():
        answer = client.ask(path)
        said = answer.json
        if answer.status != status or not isinstance(said, dict) or said.get("status") != status or "error" not in said:
            raise ProbeError(
                f"{path} is answered with {answer.status} {json.dumps(said)[:200]}, not with {status} and why"
            )
    return f"{len(bad)} bad requests are refused, each with a reason"
