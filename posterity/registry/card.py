"""The model card of a version (Mitchell et al. 2019, https://doi.org/10.1145/3287560.3287596), made from its record."""

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from posterity.model.contract import Model
from posterity.registry.parts import Part
from posterity.registry.versions import Version

LARGEST = 1 << 20  # bytes of a part that the registry gets a copy of; of a larger one it gets a reference
UNITS = ("bytes", "KiB", "MiB", "GiB")


def describe(model: Model) -> dict[str, Any]:
    """What a model says of itself, as JSON for the record of a version."""
    said = {
        "description": inspect.getdoc(type(model)) or "",
        "keys": list(model.keys),
        "quantities": [asdict(quantity) for quantity in model.quantities],
        "metrics": [asdict(metric) for metric in model.metrics],
        "assumptions": [asdict(assumption) for assumption in model.assumptions],
        "personal": {rule.column: rule.treatment for rule in model.personal},
        "unseen": dict(model.unseen),
        "after_expiry": model.after_expiry,
        "release": asdict(model.release),
    }
    return dict(json.loads(json.dumps(said)))


def is_copied(part: Part) -> bool:
    """Whether the registry gets the bytes of a part, not only a reference to them."""
    return part.size is not None and part.size <= LARGEST


def model_card(version: Version, parts: Sequence[Part]) -> str:
    """Markdown: what it predicts, how far it can be trusted, what it was made from and how to make it again."""
    sections = (
        ("", _head(version)),
        ("What it says of itself", version.about.get("description", "")),
        ("What it predicts", _predictions(version)),
        ("How far it can be trusted", _trust(version)),
        ("What it assumes", _assumptions(version.about.get("assumptions", []))),
        ("People in the data, and categories not seen before", _data(version)),
        ("Made of", _made_of(parts)),
        ("Made with", _made_with(version)),
    )
    return "\n\n".join(f"## {title}\n\n{text}" if title else text for title, text in sections if text) + "\n"


def _head(version: Version) -> str:
    return (
        f"# {version.label}\n\nPredictions of `{version.model}` as of {version.as_of}, valid from {version.valid_from} "
        f"to {version.valid_until}. Made by run `{version.run}`, {version.created}."
    )


def _predictions(version: Version) -> str:
    rows = [
        (item["name"], item["unit"], item.get("description", ""), item.get("exposure") or "")
        for item in version.about.get("quantities", [])
    ]
    keys = ", ".join(version.about.get("keys", []))
    lead = f"One row for each {keys}, with mean, standard deviation, MCSE and quantiles.\n\n" if keys else ""
    why = version.about.get("unscorable")
    tail = f"\n\nServers cannot score new keys with this version: {why}" if why else ""
    return lead + _table(("quantity", "unit", "meaning", "a share of"), rows) + tail


def _trust(version: Version) -> str:
    declared = {item["name"]: item for item in version.about.get("metrics", [])}
    rows = [
        (name, f"{value:.4g}", declared.get(name, {}).get("unit", ""), _limit(declared.get(name, {}).get("limit", {})))
        for name, value in sorted(version.metrics.items())
    ]
    lead = (
        f"Convergence gate: **{version.gate}**. Drift against the verified baseline: **{version.drift}**.\n\n"
        "Scores are those of the product before, on what happened since.\n\n"
    )
    return lead + _table(("metric", "value", "unit", "limit"), rows)


def _limit(limit: Mapping[str, float | None]) -> str:
    words = (("at_least", "at least"), ("at_most", "at most"))
    return ", ".join(f"{text} {limit[name]:g}" for name, text in words if limit.get(name) is not None)


def _assumptions(assumptions: Iterable[Mapping[str, str]]) -> str:
    rows = [(item["name"], item["text"], f"`{item['check']}`", item["inspect"]) for item in assumptions]
    return _table(("assumption", "in words", "check", "inspect if it fails"), rows)


def _data(version: Version) -> str:
    rules = [(column, f"{how} before anything is stored") for column, how in version.about.get("personal", {}).items()]
    rules += [(column, f"new categories: {how}") for column, how in version.about.get("unseen", {}).items()]
    return _table(("column", "rule"), rules)


def _made_of(parts: Iterable[Part]) -> str:
    rows = [
        (
            part.name,
            "" if part.rows is None else f"{part.rows:,}",
            _size(part),
            _kept(part),
            f"`{part.reference.sha256}`",
        )
        for part in parts
    ]
    lead = (
        f"The bytes of every part are kept once, in the object store. The registry has a copy of those of up to "
        f"{_bytes(LARGEST)}; of the others it has a reference, the object's address with its SHA-256.\n\n"
    )
    return lead + _table(("part", "rows", "size", "here as", "SHA-256"), rows) if rows else ""


def _made_with(version: Version) -> str:
    settings = [(name, f"`{value}`") for name, value in version.parameters.items()]
    settings += [("image", f"`{version.image}`")] if version.image else []
    return (
        f"{_table(('setting', 'value'), settings)}\n\n{len(version.packages)} packages are listed with the record. "
        f"Make it again with `posterity reproduce {version.label}`."
    ).lstrip()


def _kept(part: Part) -> str:
    return "copy" if is_copied(part) else "reference"


def _size(part: Part) -> str:
    return "gone" if part.size is None else _bytes(part.size)


def _bytes(size: float) -> str:
    for unit in UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} {UNITS[-1]}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; empty without rows."""
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
