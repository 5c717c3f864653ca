"""Follow a run on a cluster: its stages through the store, its end and its pods through the APIs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.failure import stage_failure
from pipelines.kubeflow.api import OVER, PipelineRun, PipelinesApi
from pipelines.kubeflow.cluster import Cluster
from posterity.cluster import Trouble
from posterity.errors import PosterityError, RefusedError, UnavailableError
from posterity.runs import RunLog

GRACE = 45.0  # seconds that a pod may be in a state from which it does not get out by itself: pulls are tried thrice
PAUSE = 3.0  # seconds between two questions to the APIs


@dataclass
class ClusterRun:
    """A run on a cluster that goes on whether it is followed or not; `note` says what it is waiting for."""

    log: RunLog
    job: str
    api: PipelinesApi
    cluster: Cluster | None
    interval: float = 2.0
    note: str = ""
    found: PipelineRun | None = None
    hopeless: Trouble | None = None
    clock: Callable[[], float] = time.monotonic
    _asked: float = field(default=float("-inf"))
    _since: dict[str, float] = field(default_factory=dict)

    def ended(self) -> bool:
        """Whether the run is over, or will never be: then it is stopped. An API that is away is asked again later."""
        if self.clock() - self._asked >= PAUSE:
            self._asked = self.clock()
            try:
                self.found = self.api.run(self.job)
                self._look_at_pods()
            except UnavailableError as error:
                self.note = str(error)
        return self.hopeless is not None or bool(self.found and self.found.is_over)

    def failure(self) -> PosterityError | None:
        """Why the run did not end well, None if it did."""
        if self.hopeless:
            return RefusedError(f"{self.hopeless}. Run {self.log.run} was stopped; submit it again once that is mended")
        if self.found and self.found.state == "SUCCEEDED":
            return None
        if error := stage_failure(self.log):
            return error
        state = OVER.get(self.found.state if self.found else "", "not over")
        reason = self.note or (self.found.error if self.found else "")
        return PosterityError(
            f"run {self.log.run} has {state} and no stage left an error{f': {reason}' if reason else ''}; "
            f"look at posterity logs {self.log.run} and the page of the run in the dashboard"
        )

    def _look_at_pods(self) -> None:
        """Take note of what ails the pods; of a run whose pod never starts, stop the rest."""
        troubles = self.cluster.troubles(self.job) if self.cluster else []
        self.note = str(troubles[-1]) if troubles else ""
        lasting = {trouble.pod: trouble for trouble in troubles if trouble.is_hopeless}
        self._since = {pod: self._since.get(pod, self.clock()) for pod in lasting}
        stuck = [pod for pod, since in self._since.items() if self.clock() - since >= GRACE]
        if stuck and self.found and not self.found.is_over:
            self.hopeless = lasting[stuck[0]]
            self.api.stop(self.job)
