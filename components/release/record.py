"""The task `record` of the staging pipeline."""

from kfp.dsl import Artifact, Input

from components.stage import stage


@stage
def record(version: str, job: str, rollout: Input[Artifact], checks: Input[Artifact]) -> bool:
    """Write down how the version did, and ask people for an approval where it needs one.

    Args:
        version: The version, MODEL/NUMBER.
        job: Identifier of the pipeline's run, filled in by the backend.
        rollout: How the rollout went.
        checks: What was looked at.

    Returns:
        Whether it may go into production at once: a refresh that passed every check, on the servers' own image.
    """
    import json
    from pathlib import Path

    from components.release.rollout import read_rollout
    from posterity.errors import RefusedError
    from posterity.release.check import Check
    from posterity.release.flow import conclude_staging, next_step, open_version

    _, image, _ = read_rollout(rollout.path)
    seen = tuple(Check(**item) for item in json.loads(Path(checks.path).read_text()))
    store, settings, found = open_version(version)
    trial, decision = conclude_staging(store, settings, found, job, image, seen)
    print(next_step(trial, decision))
    if not trial.passed:
        raise RefusedError(f"{found.label} failed in staging: {trial.summary}")
    return decision.allowed and not image
