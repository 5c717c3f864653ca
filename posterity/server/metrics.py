"""What is measured, in the conventions of Prometheus, over all workers of a server.

prometheus_client keeps counters and histograms of every process in files below PROMETHEUS_MULTIPROC_DIR, which must be
set before it is imported (`posterity.server.process`). A request only adds to numbers in memory, which cost a tenth;
they are written to these files once a second and before a scrape. What follows from the store's state is not kept but
computed at each scrape (`posterity.server.state`), so that it is the same from whichever worker answers.
"""

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from posterity.server.workers import is_alive, shared_folder

APART = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # standard deviations
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Several(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, total: float, counts: list[int]) -> None:
        """Add observations by their sum and by how many fell into each bucket."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class _Tally:
    """Requests of one kind since they were last written."""

    __slots__ = ("counts", "requests", "seconds")

    def __init__(self) -> None:
        self.requests = 0
        self.seconds = 0.0
        self.counts = [0] * (len(BUCKETS) + 1)


class Metrics:
    """The measures that handlers and the app change."""

    def __init__(self) -> None:
        own = CollectorRegistry()  # what it would show of this process alone is never asked for
        self.requests = Counter(
            "http_requests", "Requests answered", ["method", "route", "status", "consumer"], registry=own
        )
        self.seconds = Several(
            "http_request_duration_seconds", "Time to answer", ["method", "route"], buckets=BUCKETS, registry=own
        )
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests being answered", multiprocess_mode="livesum", registry=own
        )
        self.answers = Counter(
            "posterity_answers", "Answers made from a version", ["model", "version", "route"], registry=own
        )
        self.answer_seconds = Counter(
            "posterity_answer_seconds", "Time that these answers took", ["model", "version", "route"], registry=own
        )
        self.challenges = Counter(
            "posterity_challenges", "Questions to a challenger", ["model", "version", "outcome"], registry=own
        )
        self.apart = Several(
            "posterity_shadow_difference",
            "Difference of the means, in standard deviations of the champion",
            ["model", "version", "challenger", "quantity"],
            buckets=APART,
            registry=own,
        )
        self.reported = Counter(
            "posterity_reported", "Entries that clients reported", ["model", "version", "kind"], registry=own
        )
        self.now_in_flight = 0
        self._tallies: dict[tuple[str, str, int, str], _Tally] = {}
        self._versions: dict[tuple[str, ...], _Tally] = {}
        self._challenges: dict[tuple[str, ...], int] = {}

    def observe(
        self, method: str, route: str, status: int, consumer: str, seconds: float, about: tuple[str, ...]
    ) -> None:
        """Count a request that was answered; `about` is the model and version that the answer was made from, if any."""
        key = (method, route, status, consumer)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally()
        tally.requests += 1
        tally.seconds += seconds
        tally.counts[bisect_left(BUCKETS, seconds)] += 1
        if about:
            version = (*about, route)
            tally = self._versions.get(version)
            if tally is None:
                tally = self._versions[version] = _Tally()
            tally.requests += 1
            tally.seconds += seconds

    def count_challenge(self, about: tuple[str, str], outcome: str) -> None:
        """Count a question to a challenger: `answered`, `refused` (the champion answered), or in the shadow `compared`,
        `failed` or `skipped`."""
        self._challenges[*about, outcome] = self._challenges.get((*about, outcome), 0) + 1

    def observe_difference(self, labels: tuple[str, ...], values: Sequence[float]) -> None:
        """Count differences of rows; `labels` are model, version, challenger and quantity."""
        counts = [0] * (len(APART) + 1)
        for value in values:
            counts[bisect_left(APART, value)] += 1
        self.apart.labels(*labels).add(sum(values), counts)

    def write(self) -> None:
        """Write what was counted to where all workers' numbers come together; for the thread that counts."""
        tallies, self._tallies = self._tallies, {}
        versions, self._versions = self._versions, {}
        for (method, route, status, consumer), tally in tallies.items():
            self.requests.labels(method, route, str(status), consumer).inc(tally.requests)
            self.seconds.labels(method, route).add(tally.seconds, tally.counts)
        for version, tally in versions.items():
            self.answers.labels(*version).inc(tally.requests)
            self.answer_seconds.labels(*version).inc(tally.seconds)
        challenges, self._challenges = self._challenges, {}
        for labels, count in challenges.items():
            self.challenges.labels(*labels).inc(count)
        self.in_flight.set(self.now_in_flight)


def exposition(state: Collector) -> bytes:
    """Everything that the workers have written, and the state, in the text format of Prometheus."""
    bury_dead()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(state)
    return bytes(generate_latest(registry))


def bury_dead() -> None:
    """Forget what workers that were killed had in flight."""
    for path in shared_folder().glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        if not is_alive(process):
            mark_process_dead(process)  # type: ignore[no-untyped-call]
