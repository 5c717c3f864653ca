"""Every setting of Posterity: environment variables with the prefix POSTERITY_, read in one place."""

import os
import re
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from posterity.errors import SettingsError

# What Kubernetes tells a pod about each Service of its namespace, those called posterity-… too.
SERVICE_LINK = re.compile(
    r"POSTERITY(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def _setting(default: str, help: str, *, secret: bool = False) -> str:  # noqa: A002
    """A setting; a secret is not shown when the settings are printed."""
    return field(default=default, repr=not secret, metadata={"help": help})


def _number(default: int, help: str, *, least: int, most: int | None = None) -> int:  # noqa: A002
    """A setting that is a whole number, not below `least` and, if it is given, not above `most`."""
    return field(default=default, metadata={"help": help, "least": least, "most": most})


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
    api_endpoint: str = _setting(
        "", "Kubeflow Pipelines API that runs are submitted to: http://ml-pipeline.kubeflow:8888"
    )
    dashboard_url: str = _setting("", "Where people open the Kubeflow dashboard; default: the API endpoint")
    registry_url: str = _setting("", "Where people open the MLflow server; default: the registry, if it is a server")
    namespace: str = _setting("kubeflow", "Namespace in which the stages run")
    logs: str = _setting("", "Bucket in which Kubeflow Pipelines keeps the logs of pods: s3://mlpipeline")
    context: str = _setting("", "Context of the kubeconfig file; default: the current one")
    database_url: str = _setting(
        "",
        "Database that products in production are published in, as SQLAlchemy writes it; "
        "default sqlite:///.posterity/products.db where the store is a directory, none elsewhere",
        secret=True,
    )
    self_approval: str = _setting("refuse", "allow: who asked for a version may approve it as well")
    release: str = _setting("auto", "off: runs leave their candidate alone instead of trying it in staging")
    staging_url: str = _setting(
        "", "Results server that candidates are tried on; default: a server of one's own, for as long as it takes"
    )
    production_url: str = _setting("", "Results server that people use; default: as for POSTERITY_STAGING_URL")
    token: str = _setting("", "Bearer token for both servers, with role promote where they have tokens", secret=True)
    image: str = _setting("", "Image that this process runs in; recorded with every version")
    products: str = _setting(
        "*@champion", "What a server serves, separated by blanks: MODEL@ALIAS follows an alias, MODEL/3 is pinned"
    )
    tokens: str = _setting(
        "", "Bearer tokens of a server, separated by blanks: CONSUMER:ROLE[,ROLE]:TOKEN; none: open to all", secret=True
    )
    listen: str = _setting("0.0.0.0:8080", "Address and port that a server listens on")
    server_workers: int = _number(1, "Processes of a server, each with a copy of what it serves", least=1)
    server_keep: int = _number(2, "Versions that a server keeps in memory beside the current ones", least=0)
    server_poll: int = _number(2, "Seconds after which a server looks at the pointers again", least=1)
    server_drain: int = _number(
        0, "Seconds for which a server that was told to end goes on, asking its clients to connect anew", least=0
    )
    challenger_share: int = _number(
        0, "Share of the questions about single rows, in percent, that the challenger answers", least=0, most=100
    )
    shadow_share: int = _number(
        0, "Share that the champion answers and the challenger too, for comparison, in percent", least=0, most=100
    )
    log_level: str = _setting("WARNING", "Level of the Python log: DEBUG, INFO, WARNING, ERROR")

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read POSTERITY_*; an empty variable counts as none. Raises SettingsError on one that is not a setting."""
        known = {f"POSTERITY_{item.name.upper()}": item.name for item in fields(cls)}
        given = {name: value for name, value in os.environ.items() if name.startswith("POSTERITY_")}
        if unknown := sorted(name for name in set(given) - set(known) if not SERVICE_LINK.fullmatch(name)):
            raise SettingsError(f"{', '.join(unknown)}: no such setting; there are {', '.join(sorted(known))}")
        values = {known[name]: _typed(known[name], value) for name, value in given.items() if value and name in known}
        return cls(**values)._with_defaults()

    def run_page(self, job: str) -> str:
        """The page of a pipeline's run in the dashboard; empty where none is known."""
        base = self.dashboard_url or self.api_endpoint
        return f"{base.rstrip('/')}/#/runs/details/{job}" if base and job else ""

    def _with_defaults(self) -> "Settings":
        home = Path.cwd() / ".posterity"
        store = self.store or f"file://{home / 'store'}"
        own = f"sqlite:///{home / 'products.db'}" if store.startswith("file://") else ""
        return replace(
            self,
            store=store,
            registry=self.registry or f"sqlite:///{home / 'registry.db'}",
            database_url=self.database_url or own,
        )


def _typed(name: str, text: str) -> Any:
    """The value of a setting from its text."""
    bounds = Settings.__dataclass_fields__[name].metadata
    if "least" not in bounds:
        return text
    least, most = bounds["least"], bounds["most"]
    if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
        wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise SettingsError(f"POSTERITY_{name.upper()}={text!r} is not a whole number {wanted}")
    return int(text)
