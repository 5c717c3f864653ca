"""Which earlier versions a run is held against."""

from datetime import date

from posterity.registry import aliases, versions
from posterity.registry.versions import Version
from posterity.store import ObjectStore


def product_to_score(store: ObjectStore, model: str, as_of: date) -> Version | None:
    """The newest version made before `as_of` whose period is over on that day; None where there is none."""
    candidates = [
        version
        for version in versions.search(store, model)
        if date.fromisoformat(version.as_of) < as_of and date.fromisoformat(version.valid_until) <= as_of
    ]
    return max(candidates, key=lambda version: (version.as_of, version.number), default=None)


def champion_before(store: ObjectStore, model: str, as_of: date) -> Version | None:
    """The champion, if it was made before `as_of`."""
    number = aliases.current(store, model, "champion")
    version = versions.get(store, f"{model}/{number}") if number else None
    return version if version and date.fromisoformat(version.as_of) < as_of else None
