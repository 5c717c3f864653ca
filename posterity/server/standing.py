"""How a version stands: what gate, scores and drift check said of it, as answers and metrics show it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posterity.errors import NotFoundError
from posterity.registry.versions import Version
from posterity.store import ObjectStore

GATE = ("rhat_max", "ess_min", "divergences", "bfmi_min")  # figures of the gate among those of a version
FINDINGS = 10  # changes of the posterior that an answer lists


@dataclass(frozen=True)
class Standing:
    """gate: verdict and figures; scores: of the product before, on what happened; drift: verdict and what moved;
    drift_z: group of quantities → largest |z|."""

    gate: Mapping[str, Any]
    scores: Mapping[str, Any]
    drift: Mapping[str, Any]
    drift_z: Mapping[str, float]


def read_standing(store: ObjectStore, record: Version) -> Standing:
    """What the objects behind a version's record say. Raises CorruptError, UnavailableError."""
    scores, drift = _part(store, record, "scores"), _part(store, record, "drift")
    findings = drift.get("findings", [])
    largest: dict[str, float] = {}
    for finding in findings:
        if finding["z"] is not None:
            largest[finding["group"]] = max(largest.get(finding["group"], 0.0), abs(finding["z"]))
    return Standing(
        gate={"verdict": record.gate} | {name: record.metrics[name] for name in GATE if name in record.metrics},
        scores=scores,
        drift={"verdict": record.drift}
        | {name: drift[name] for name in ("baseline", "rung", "summary", "inputs", "assumptions") if name in drift}
        | {"findings": findings[:FINDINGS]},
        drift_z=largest,
    )


def _part(store: ObjectStore, record: Version, name: str) -> dict[str, Any]:
    """A part of a version that is JSON; empty where the version has none, or the store has lost it."""
    if name not in record.references:
        return {}
    try:
        return dict(json.loads(record.references[name].fetch(store)))
    except NotFoundError:
        return {}
