"""The task `probe` of the staging pipeline."""

from kfp.dsl import Artifact, Input, Output

from components.stage import stage


@stage
def probe(version: str, rollout: Input[Artifact], checks: Output[Artifact]) -> None:
    """Ask the staging servers about the version, as users would.

    Args:
        version: The version, MODEL/NUMBER.
        rollout: How the rollout went.
        checks: What was looked at, and what was found.
    """
    import json
    from dataclasses import asdict
    from pathlib import Path

    from components.release.rollout import read_rollout
    from posterity.release.flow import open_version, probe_staging

    _, _, came_up = read_rollout(rollout.path)
    store, settings, found = open_version(version)
    seen = [came_up, *(probe_staging(store, settings, found) if came_up.passed else ())]
    for check in seen:
        print(f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.text}")
    Path(checks.path).write_text(json.dumps([asdict(check) for check in seen]))
