"""What a version is beside its data: code, settings and image, and the terms of its release."""

from collections.abc import Mapping

from posterity.model.contract import Release
from posterity.registry.versions import Version
from posterity.store import digest_json

SETTINGS = ("seed", "chains", "sampler")  # parameters of a run that its numbers depend on, data apart


def terms(version: Version) -> Release:
    """What the model of `version` declares about releases; the defaults for one registered without."""
    declared = version.about.get("release", {})
    sequences = {name: tuple(value) for name, value in declared.items() if isinstance(value, list)}
    return Release(**{**declared, **sequences})


def definition(version: Version) -> dict[str, str]:
    """Part → what tells it from another. Where no image is known, the installed packages stand for it."""
    settings = {name: version.parameters.get(name) for name in SETTINGS}
    image = {"image": version.image} if version.image else {"packages": digest_json(version.packages)}
    return {"code": version.references["code"].sha256, **{name: _text(settings[name]) for name in SETTINGS}, **image}


def changes(before: Version, now: Version) -> list[str]:
    """In words, what of the definition of `now` is another than in `before`; empty for a refresh on new data."""
    old, new = definition(before), definition(now)
    return [_in_words(name, old, new) for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]


def _in_words(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
    if name in (*SETTINGS, "image"):
        return f"{name} {old.get(name, 'none')} → {new.get(name, 'none')}"
    return f"{name} changed"


def _text(value: object) -> str:
    """A setting as text in which 4 and 4.0 are the same: pipelines hand on whole numbers as either."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(part)}" for name, part in sorted(value.items())) or "as the model has it"
    return f"{value:g}" if isinstance(value, int | float) else "not set" if value is None else str(value)
