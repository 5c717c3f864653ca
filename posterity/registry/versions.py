"""Registered versions: what was published, and everything it was made from.

The record of a version is an immutable object, `models/<model>/versions/<number>.json`; its number is claimed by
writing it. MLflow mirrors it for people and for search.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from posterity.errors import NotFoundError, RefusedError
from posterity.store import ObjectStore, Reference
from posterity.store.digest import canonical_json

REQUIRED = ("snapshot", "clean", "features", "plan", "posterior", "product", "code")


@dataclass(frozen=True)
class Version:
    """One registered version.

    references: name → reference of everything it was made from (snapshot, clean, features, plan, posterior, product,
    code, scores, drift); parameters: those of the run; metrics: figures of the run; gate and drift: verdicts;
    packages: name → installed version; tags: further names and values to search by.
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
        return {**digests, **seed, **verdicts, **days, "run": self.run, "model": self.model, **self.tags}

    def to_json(self) -> bytes:
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, data: bytes) -> "Version":
        facts = json.loads(data)
        references = {name: Reference(**reference) for name, reference in facts["references"].items()}
        return cls(**{**facts, "references": references})


def add(store: ObjectStore, version: Version) -> Version:
    """Register `version` under the next number; the same product again gives the version that exists.

    Raises RefusedError naming the digests that are missing.
    """
    missing = [name for name in REQUIRED if name not in version.references]
    if missing:
        raise RefusedError(f"a version of {version.model} cannot be registered without {', '.join(missing)}")
    while True:
        there = search(store, version.model)
        for existing in there:
            if existing.product == version.product:
                return existing
        candidate = replace(version, number=max((item.number for item in there), default=0) + 1)
        if store.put(_key(candidate.model, candidate.number), candidate.to_json()):
            return candidate


def get(store: ObjectStore, reference: str) -> Version:
    """The version named `model/number`, `model@alias`, or `model` (the newest).

    Raises NotFoundError saying what there is.
    """
    from posterity.registry import aliases

    model, number = reference, ""
    if "@" in reference:
        model, _, alias = reference.partition("@")
        number = str(aliases.current(store, model, alias) or "")
        if not number:
            raise NotFoundError(f"{model} has no {alias}; `posterity promote {model}/N {alias}` makes one")
    elif "/" in reference:
        model, _, number = reference.rpartition("/")
    there = search(store, model)
    if not there:
        known = ", ".join(models(store)) or "none yet"
        raise NotFoundError(f"no version of {model!r} is registered; models with versions: {known}")
    if not number:
        return there[-1]
    for version in there:
        if str(version.number) == number:
            return version
    raise NotFoundError(f"{model} has no version {number}; it has {', '.join(str(item.number) for item in there)}")


def search(store: ObjectStore, model: str, tags: Mapping[str, str] | None = None) -> list[Version]:
    """The versions of `model` with all the given facts (digests may be shortened), in the order of their numbers."""
    keys = [key for key in store.list(f"models/{model}/versions/") if key.endswith(".json")]
    versions = sorted((Version.from_json(store.get(key)) for key in keys), key=lambda version: version.number)
    return [version for version in versions if _matches(version.facts(), tags or {})]


def models(store: ObjectStore) -> list[str]:
    """The models that have versions."""
    return sorted({key.split("/")[1] for key in store.list("models/") if "/versions/" in key})


def _matches(facts: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    return all(
        facts.get(name, "") == value or (len(value) >= 6 and facts.get(name, "").startswith(value))
        for name, value in tags.items()
    )


def _key(model: str, number: int) -> str:
    return f"models/{model}/versions/{number:06d}.json"
