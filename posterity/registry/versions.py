"""Registered versions: what was published, and everything it was made from.

The record of a version is an immutable object, `models/<model>/versions/<number>.json`; its number is claimed by
writing it. MLflow mirrors it for people and for search.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from posterity.errors import CorruptError, NotFoundError, RefusedError
from posterity.store import ObjectStore, Reference
from posterity.store.digest import canonical_json

REQUIRED = ("snapshot", "clean", "features", "plan", "posterior", "product", "code")
SHORTEST = 6  # digits that a shortened digest must have
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Version:
    """One registered version.

    references: name → reference of everything it was made from (snapshot, clean, features, plan, posterior, product,
    code, scores, drift); parameters: those of the run; metrics: figures of the run; gate and drift: verdicts;
    packages: name → installed version; tags: further names and values to search by; about: what the model says of
    itself (`posterity.registry.card.describe`).
    """

    model: str
    product: str
    as_of: str
    valid_from: str
    valid_until: str
    run: str
    created: str
    references: dict[str, Reference]
    parameters: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    gate: str = ""
    drift: str = ""
    model_class: str = ""
    image: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    number: int = 0

    @property
    def label(self) -> str:
        """`model/number`, the name that commands take."""
        return f"{self.model}/{self.number}"

    def facts(self) -> dict[str, str]:
        """Everything that a version can be searched by: digests, verdicts, days, seed, run and tags."""
        digests = {name: reference.sha256 for name, reference in self.references.items()}
        seed = {"seed": str(self.parameters.get("seed", ""))}
        verdicts = {"gate": self.gate, "drift": self.drift, "image": self.image}
        days = {"as_of": self.as_of, "valid_from": self.valid_from, "valid_until": self.valid_until}
        return {**self.tags, **digests, **seed, **verdicts, **days, "run": self.run, "model": self.model}

    def to_json(self) -> bytes:
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, data: bytes) -> "Version":
        facts = json.loads(data)
        references = {name: Reference(**reference) for name, reference in facts["references"].items()}
        return cls(**{**facts, "references": references})


def add(store: ObjectStore, version: Version) -> Version:
    """Register `version` under the next number; the same product again gives the version that exists.

    Raises RefusedError naming what is missing: a reference, a digest, or an object that a reference names.
    """
    _refuse_gaps(store, version)
    while True:
        there = search(store, version.model)
        for existing in there:
            if existing.product == version.product:
                return existing
        candidate = replace(version, number=max((item.number for item in there), default=0) + 1)
        if store.put(version_key(candidate.model, candidate.number), candidate.to_json()):
            return candidate


def get(store: ObjectStore, reference: str) -> Version:
    """The version named `model/number`, `model@alias`, or `model` (the newest).

    Raises NotFoundError saying what there is, CorruptError when the record cannot be read.
    """
    if "@" in reference:
        model, _, alias = reference.partition("@")
        return _read(store, version_key(model, _aliased(store, model, alias)))
    model, slash, number = reference.rpartition("/")
    if not slash:
        model, number = reference, ""
    keys = _keys(store, model)
    if not keys:
        known = ", ".join(models(store)) or "none yet"
        raise NotFoundError(f"no version of {model!r} is registered; models with versions: {known}")
    wanted = version_key(model, int(number)) if number.isdecimal() else keys[-1] if not slash else ""
    if wanted not in keys:
        there = ", ".join(str(_number(key)) for key in keys)
        raise NotFoundError(f"{model} has no version {number!r}; it has {there}")
    return _read(store, wanted)


def at(store: ObjectStore, model: str, number: int) -> Version:
    """The version `number` of `model`, one read. Raises NotFoundError, CorruptError."""
    return _read(store, version_key(model, number))


def numbers(store: ObjectStore, model: str) -> list[int]:
    """The numbers of the versions of `model`, ascending."""
    return [_number(key) for key in _keys(store, model)]


def search(store: ObjectStore, model: str, tags: Mapping[str, str] | None = None) -> list[Version]:
    """The versions of `model` with all the given facts (digests may be shortened), in the order of their numbers.

    Raises CorruptError naming a record that cannot be read.
    """
    versions = [_read(store, key) for key in _keys(store, model)]
    return [version for version in versions if _matches(version.facts(), tags or {})]


def models(store: ObjectStore) -> list[str]:
    """The models that have versions."""
    return sorted({key.split("/")[1] for key in store.list("models/") if "/versions/" in key})


def version_key(model: str, number: int) -> str:
    """Where the record of a version lies."""
    return f"models/{model}/versions/{number:06d}.json"


def _refuse_gaps(store: ObjectStore, version: Version) -> None:
    gaps = [name for name in REQUIRED if name not in version.references]
    gaps += [f"the digest of {name}" for name, item in version.references.items() if not _DIGEST.fullmatch(item.sha256)]
    gaps += [f"the object {item.key}" for item in version.references.values() if store.size(item.key) is None]
    if gaps:
        raise RefusedError(
            f"a version of {version.model} cannot be registered without {', '.join(gaps)}; run the stage that makes it"
        )


def _aliased(store: ObjectStore, model: str, alias: str) -> int:
    from posterity.registry import aliases

    number = aliases.current(store, model, alias)
    if number is None:
        pointing = {name: aliases.current(store, model, name) for name in aliases.ALIASES}
        there = ", ".join(f"{name} ({found})" for name, found in pointing.items() if found) or "none yet"
        raise NotFoundError(f"{model} has no {alias!r}; its aliases: {there}. `posterity promote` moves one")
    return number


def _keys(store: ObjectStore, model: str) -> list[str]:
    """The keys of the records of `model` in the order of their numbers."""
    return sorted((key for key in store.list(f"models/{model}/versions/") if key.endswith(".json")), key=_number)


def _number(key: str) -> int:
    return int(key.rpartition("/")[2].removesuffix(".json"))


def _read(store: ObjectStore, key: str) -> Version:
    data = store.get(key)
    try:
        return Version.from_json(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptError(
            f"{store.url}/{key} is not the record of a version ({error}); restore it from a copy of the store"
        ) from error


def _matches(facts: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    return all(_equals(facts.get(name, ""), value) for name, value in tags.items())


def _equals(fact: str, value: str) -> bool:
    shortened = len(value) >= SHORTEST and _DIGEST.fullmatch(fact) is not None and fact.startswith(value)
    return fact == value or shortened
