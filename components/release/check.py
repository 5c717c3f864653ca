"""The task `check` of the production pipeline."""

from components.stage import stage


@stage
def check(version: str) -> str:
    """Refuse a version that has not passed everything, or that nobody has approved. A pin in Git is an approval.

    Args:
        version: The version, MODEL/NUMBER.

    Returns:
        The image of the server that it was tried with in staging; empty where that was the one that ran.
    """
    from components.release.rollout import Servers
    from posterity.release import approvals, staging
    from posterity.release.flow import open_version, refuse_unless_allowed

    store, settings, found = open_version(version)
    if Servers("production").pins().get(found.model) == found.label:
        approvals.approve_pinned(store, found)
    print(refuse_unless_allowed(store, settings, found).why)
    trial = staging.latest(store, found)
    return trial.image if trial else ""
