"""What is called what: the map between a legacy run and a pipeline run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from posterity.errors import SettingsError


@dataclass(frozen=True)
class Names:
    """The map file, `parity.json`; every entry may be left out.

    variables: stage → variable of the script, for the recorder; columns: stage → column of the script → column of
    the pipeline; keys: stage → columns that identify a row (names of the pipeline); ignore: stage → columns that are
    not compared; dtypes: stage → columns whose dtypes are known to differ; parameters: parameter of the script →
    parameter of the pipeline; ess: effective sample size that the script's predictions are taken to have.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dtypes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    ess: float | None = None

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any], origin: str) -> "Names":
        """Raises SettingsError naming `origin` and the entry that is not one."""
        known = [item.name for item in fields(cls)]
        if unknown := sorted(set(entries) - set(known)):
            raise SettingsError(f"{origin}: no entry {unknown[0]!r}; there are {', '.join(known)}")
        for name, value in entries.items():
            if name != "ess" and not isinstance(value, Mapping):
                raise SettingsError(f"{origin}: {name} must be an object, not {json.dumps(value)}")
        ess = entries.get("ess")
        if ess is not None and not (isinstance(ess, int | float) and ess > 1):
            raise SettingsError(f"{origin}: ess must be a number greater than 1, not {json.dumps(ess)}")
        return cls(**entries)

    @classmethod
    def read(cls, path: Path) -> "Names":
        """The map in a JSON file. Raises SettingsError."""
        try:
            entries = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path} cannot be read as a map of names: {error}") from error
        if not isinstance(entries, dict):
            raise SettingsError(f"{path} must hold a JSON object; docs/parity.md shows one")
        return cls.from_dict(entries, str(path))
