"""Erase a snapshot, what was derived from it alone and what clients said of that, and leave a tombstone.

What was derived from what is read from the records of stages and of their cached results. Something that was also made
from another snapshot stays. The records of versions and stages stay as well, with figures and without rows, and tell
what was erased. `erased.json` beside the snapshot is the tombstone: it is written first, and the snapshot goes last,
so that an erasure which was killed is finished by its repetition.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from posterity.data.snapshot import SNAPSHOTS, Tombstone, tombstone_key
from posterity.errors import NotFoundError, RefusedError, SettingsError
from posterity.registry import aliases, versions
from posterity.registry.versions import Version
from posterity.reported import places_of
from posterity.store import ObjectStore

SERVING = ("staging", "champion", "challenger", "baseline")
KEPT = ("versions/", "code/", "models/")  # records and code: no data
CACHE = "cache/"


@dataclass(frozen=True)
class Work:
    """What one piece of work left: where its record lies, places it took and made, and its page."""

    key: str
    takes: frozenset[str]
    makes: frozenset[str]
    report: str = ""


@dataclass(frozen=True)
class Erasure:
    """What an erasure is about: the snapshot's digest, places to erase, records of stages to strip, and versions; of
    these, `gone` are the ones whose predictions are erased, because no other snapshot gave the same."""

    snapshot: str
    places: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    gone: list[Version] = field(default_factory=list)


def prepare(store: ObjectStore, prefix: str) -> Erasure:
    """What erasing the snapshot whose digest begins with `prefix` takes along.

    Raises NotFoundError when none or several begin so, RefusedError naming an alias that people read or compare with.
    """
    digest = _find(store, prefix)
    made = [version for version in _all_versions(store) if _made_from(version, digest)]
    for version in made:
        for alias in SERVING:
            if aliases.current(store, version.model, alias) == version.number:
                raise RefusedError(
                    f"{version.label} was made from snapshot {digest[:12]} and is the {alias} of {version.model}; "
                    f"let {alias} point at another version first (`posterity promote`, `posterity baseline verify`)"
                )
    places, records = _derived_alone(list(_works(store)), f"{SNAPSHOTS}{digest}/")
    gone = [version for version in made if _place(version.references["product"].key) in places]
    said = [place for version in gone for place in places_of(version.model, version.number)]
    return Erasure(digest, [*places, *said], records, made, gone)


def erase(store: ObjectStore, erasure: Erasure, who: str, why: str) -> Tombstone:
    """Erase for good, all versions of objects included; repeating it finishes what was interrupted.

    Raises SettingsError without a reason.
    """
    if not why.strip():
        raise SettingsError(f"erasing snapshot {erasure.snapshot[:12]} needs a reason; give one with --reason")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    labels = [version.label for version in erasure.versions]
    stone = Tombstone(erasure.snapshot, who, why.strip(), now, labels)
    store.put(tombstone_key(erasure.snapshot), stone.to_json())
    for place in erasure.places:
        for key in list(store.list(place)):
            store.erase(key)
    for key in erasure.records:  # after the pages, which only they name
        _strip(store, key)
    for key in [key for key in store.list(f"{SNAPSHOTS}{erasure.snapshot}/") if key != tombstone_key(stone.snapshot)]:
        store.erase(key)
    return Tombstone.from_json(store.get(tombstone_key(erasure.snapshot)))


def _strip(store: ObjectStore, key: str) -> None:
    """Leave verdicts and figures in the record of a stage, but no rows and no page."""
    facts = json.loads(store.get(key))
    values = {name: value for name, value in facts["values"].items() if not isinstance(value, list | dict)}
    store.erase(key)
    store.put(key, json.dumps({**facts, "values": values, "section": ""}).encode())


def _find(store: ObjectStore, prefix: str) -> str:
    """The digest of a snapshot that is there, or whose erasure was begun."""
    matches = sorted({key.split("/")[1] for key in store.list(f"{SNAPSHOTS}{prefix}")})
    if len(matches) != 1:
        what = "no snapshot" if not matches else f"{len(matches)} snapshots"
        raise NotFoundError(
            f"{what} in {store.url} with a digest that begins with {prefix!r}; see `posterity data list`"
        )
    return matches[0]


def _all_versions(store: ObjectStore) -> Iterator[Version]:
    for model in versions.models(store):
        yield from versions.search(store, model)


def _made_from(version: Version, digest: str) -> bool:
    return version.references["snapshot"].key.startswith(f"{SNAPSHOTS}{digest}/")


def _works(store: ObjectStore) -> Iterator[Work]:
    """Every piece of work that the store knows of: stages of runs, and results kept for reuse."""
    for key in store.list("runs/"):
        if "/stages/" in key:
            facts = json.loads(store.get(key))
            yield Work(key, _places(facts["inputs"]), _places(facts["outputs"]), facts["section"])
    for key in store.list(CACHE):
        if "/latest/" not in key:
            facts = json.loads(store.get(key))
            taken = frozenset(map(_place, facts.get("made_from", ())))
            yield Work(key, taken, _places(facts["outputs"]), facts["section"])


def _places(values: Mapping[str, object]) -> frozenset[str]:
    """The places of all references among the inputs or outputs of a record."""
    parts = [part for value in values.values() for part in (value if isinstance(value, list) else [value])]
    found = [part.get("reference", part) for part in parts if isinstance(part, dict)]
    return frozenset(_place(item["key"]) for item in found if "key" in item)


def _place(key: str) -> str:
    """Where a thing lies: its folder where it has one of its own, or its key."""
    parts = key.split("/")
    depth = 3 if parts[0] == "products" else 2
    return key if len(parts) <= depth else "/".join(parts[:depth]) + "/"


def _derived_alone(works: list[Work], snapshot: str) -> tuple[list[str], list[str]]:
    """Places of what came from `snapshot` and no other, pages and cached results included; and stages' records."""
    makers: dict[str, set[str]] = defaultdict(set)
    for work in works:
        for place in work.makes:
            makers[place] |= work.takes - {place}
    sources = {place: _sources(place, makers) for place in {*makers, *(place for w in works for place in w.takes)}}
    own = {place for place, found in sources.items() if found == {snapshot}}
    free = {place for place, found in sources.items() if not found}  # what was reported of products
    touched = [work for work in works if (work.takes | work.makes) - free and work.takes | work.makes <= own | free]
    elsewhere = {place for work in works if work not in touched for place in work.takes | work.makes}
    data = {place for place in (own | free - elsewhere) - {snapshot} if not place.startswith(KEPT)}
    pages = {work.report for work in touched if work.report} - {work.report for work in works if work not in touched}
    cached = {work.key for work in touched if work.key.startswith(CACHE)}
    records = {work.key for work in touched} - cached
    return [*sorted(data), *sorted(pages), *sorted(cached)], sorted(records)


def _sources(place: str, makers: Mapping[str, set[str]]) -> set[str]:
    """The snapshots that something was made from, all ways of making it taken together."""
    found, seen, open_ = set(), set(), [place]
    while open_:
        here = open_.pop()
        if here in seen:
            continue
        seen.add(here)
        if here.startswith(SNAPSHOTS):
            found.add(here)
        open_ += makers.get(here, ())
    return found
