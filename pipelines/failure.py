"""Why a run did not end well, as an error of the command that waited for it."""

from posterity import errors
from posterity.errors import PosterityError
from posterity.runs import RunLog


def stage_failure(log: RunLog) -> PosterityError | None:
    """The error of the first stage that failed, of its own kind where that is one of ours; None if none did."""
    failed = log.failure
    if not failed or not failed.error:
        return None
    kind = getattr(errors, failed.error.kind, None)
    if isinstance(kind, type) and issubclass(kind, PosterityError):
        return kind(f"stage {failed.name}: {failed.error.message}")
    again = f"posterity stage {log.run} {failed.name} --pdb"
    return PosterityError(
        f"stage {failed.name} failed with {failed.error.kind}: {failed.error.message}; look again with {again}"
    )
