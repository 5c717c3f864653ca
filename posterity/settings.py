"""Every setting of Posterity: environment variables with the prefix POSTERITY_, read in one place."""

import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from posterity.errors import SettingsError


def _setting(default: str, help: str, *, secret: bool = False) -> str:  # noqa: A002
    """A setting; a secret is not shown when the settings are printed."""
    return field(default=default, repr=not secret, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """The settings of one process; `docs/settings.md` has the same table."""

    store: str = _setting("", "Object store: file:///directory or s3://bucket/prefix; default .posterity/store")
    registry: str = _setting("", "MLflow tracking URI; default sqlite:///.posterity/registry.db")
    alert_urls: str = _setting(
        "", "Apprise URLs, separated by blanks, that alerts go to beside terminal and file", secret=True
    )
    lineage_url: str = _setting("", "OpenLineage HTTP endpoint; default: events are kept in the store only")
    pseudonym_key: str = _setting(
        "", "Key of the pseudonyms of personal columns; required by models that have any", secret=True
    )
    image: str = _setting("", "Image that this process runs in; recorded with every version")
    log_level: str = _setting("WARNING", "Level of the Python log: DEBUG, INFO, WARNING, ERROR")

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read POSTERITY_*; an empty variable counts as none. Raises SettingsError on one that is not a setting."""
        known = {f"POSTERITY_{item.name.upper()}": item.name for item in fields(cls)}
        given = {name: value for name, value in os.environ.items() if name.startswith("POSTERITY_")}
        if unknown := sorted(set(given) - set(known)):
            raise SettingsError(f"{', '.join(unknown)}: no such setting; there are {', '.join(sorted(known))}")
        return cls(**{known[name]: value for name, value in given.items() if value})._with_defaults()

    def _with_defaults(self) -> "Settings":
        home = Path.cwd() / ".posterity"
        return replace(
            self,
            store=self.store or f"file://{home / 'store'}",
            registry=self.registry or f"sqlite:///{home / 'registry.db'}",
        )
