"""The task `deploy` of the staging and production pipelines."""

from kfp.dsl import Artifact, Output

from components.stage import stage


@stage
def deploy(version: str, place: str, image: str, patience: int, job: str, rollout: Output[Artifact]) -> None:
    """Let the servers of a place run an image and wait for it; in staging, let them serve the version.

    Args:
        version: The version, MODEL/NUMBER.
        place: staging or production.
        image: Image of the server; empty for the one that runs.
        patience: Seconds until the servers have to be ready.
        job: Identifier of the pipeline's run, filled in by the backend.
        rollout: Images before and now, and whether the servers came up.
    """
    from components.release.rollout import Servers, write_rollout
    from posterity.errors import RefusedError
    from posterity.release.check import Check
    from posterity.release.flow import open_version, point_staging

    servers = Servers(place)
    before, check = servers.image, Check("rollout", True, "the servers run")
    if place == "staging":  # first, since servers become ready when they hold what they are pointed at
        store, _, found = open_version(version)
        point_staging(store, found, job)
    try:
        servers.roll_out(image, patience)
    except RefusedError as error:
        check = Check("rollout", False, str(error))
    print(check.text)
    write_rollout(rollout.path, before, image, check)
