"""The task `promote` of the staging and production pipelines."""

from kfp.dsl import Artifact, Input

from components.stage import stage


@stage
def promote(version: str, patience: int, rollout: Input[Artifact]) -> None:
    """Probe the version on the production servers, move the pointer, publish; where that fails, all as before.

    Args:
        version: The version, MODEL/NUMBER.
        patience: Seconds until servers that are rolled back have to be ready.
        rollout: How the rollout of the production servers went.
    """
    from components.release.rollout import Servers, read_rollout
    from posterity.errors import PosterityError, RefusedError
    from posterity.release.flow import into_production, open_version

    before, image, came_up = read_rollout(rollout.path)
    store, settings, found = open_version(version)
    if not came_up.passed:
        raise RefusedError(f"{found.label} does not go into production: {came_up.text}")
    try:
        move = into_production(store, settings, found)
    except PosterityError:
        if image:
            Servers("production").roll_out(before, patience)
        raise
    print(f"{found.label} is in production ({move.how} by {move.who}: {move.why})")
