"""The staging and production pipelines: from a registered version to what people read."""

from typing import Any

from kfp import dsl

from components.release.check import check
from components.release.deploy import deploy
from components.release.probe import probe
from components.release.promote import promote
from components.release.record import record
from pipelines.compile_settings import CompileSettings
from pipelines.pods import configure
from posterity.release.start import PRODUCTION, STAGING

TRIED = "Roll out in staging, probe as users would, record, ask for an approval or let a refresh go into production."
PRODUCED = "Check staging, gate, limits and approval; roll out, probe, move the pointer; or go back by itself."
PATIENCE = 300


def build_staging(settings: CompileSettings) -> Any:
    """The staging pipeline, with pods that run as the settings say."""

    @dsl.pipeline(name=STAGING, description=TRIED)  # type: ignore[untyped-decorator]
    def staging(version: str, server_image: str = "", patience: int = PATIENCE) -> None:
        """Try a version on the staging servers.

        Args:
            version: The version, MODEL/NUMBER.
            server_image: Image of the server to try it with; empty for the one that runs.
            patience: Seconds until servers have to be ready.
        """
        job = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        rolled = deploy(version=version, place="staging", image=server_image, patience=patience, job=job)
        rollout = configure(rolled, settings).outputs["rollout"]
        checks = configure(probe(version=version, rollout=rollout), settings).outputs["checks"]
        recorded = configure(record(version=version, job=job, rollout=rollout, checks=checks), settings)
        with dsl.If(recorded.output == True, name="refresh"):  # noqa: E712 (kfp reads the comparison)
            _produce(settings, version, "", patience)

    return staging


def build_production(settings: CompileSettings) -> Any:
    """The production pipeline, with pods that run as the settings say."""

    @dsl.pipeline(name=PRODUCTION, description=PRODUCED)  # type: ignore[untyped-decorator]
    def production(version: str, patience: int = PATIENCE) -> None:
        """Put a version into production that has passed staging and is approved, or pinned in Git.

        Args:
            version: The version, MODEL/NUMBER.
            patience: Seconds until servers have to be ready.
        """
        checked = configure(check(version=version), settings)
        _produce(settings, version, checked.output, patience)

    return production


def _produce(settings: CompileSettings, version: Any, image: Any, patience: Any) -> None:
    """Roll out in production, and let people read the version."""
    job = dsl.PIPELINE_JOB_ID_PLACEHOLDER
    rolled = configure(deploy(version=version, place="production", image=image, patience=patience, job=job), settings)
    configure(promote(version=version, patience=patience, rollout=rolled.outputs["rollout"]), settings)


staging = build_staging(CompileSettings())  # what `kfp dsl compile` looks for
production = build_production(CompileSettings())
