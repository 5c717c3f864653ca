"""What is measured, in the conventions of Prometheus, over all workers of a server.

prometheus_client keeps counters and histograms of every process in files below PROMETHEUS_MULTIPROC_DIR, which must be
set before it is imported (`posterity.server.process`). What follows from the store's state is not kept but computed at
each scrape (`posterity.server.state`), so that it is the same from whichever worker answers.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from posterity.server.workers import is_alive, shared_folder

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The measures that handlers and the app change."""

    def __init__(self) -> None:
        own = CollectorRegistry()  # what it would show of this process alone is never asked for
        self.requests = Counter(
            "http_requests", "Requests answered", ["method", "route", "status", "consumer"], registry=own
        )
        self.seconds = Histogram(
            "http_request_duration_seconds", "Time to answer", ["method", "route"], buckets=BUCKETS, registry=own
        )
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests being answered", multiprocess_mode="livesum", registry=own
        )
        self.answers = Counter(
            "posterity_answers", "Answers made from a version", ["model", "version", "route"], registry=own
        )
        self.reported = Counter(
            "posterity_reported", "Entries that clients reported", ["model", "version", "kind"], registry=own
        )
        self._observers: dict[tuple[str, str, int, str], tuple[Counter, Histogram]] = {}
        self._versions: dict[tuple[str, ...], Counter] = {}

    def observe(self, method: str, route: str, status: int, consumer: str, seconds: float) -> None:
        """Count a request that was answered."""
        key = (method, route, status, consumer)
        found = self._observers.get(key)
        if not found:
            counter = self.requests.labels(method, route, str(status), consumer)
            found = self._observers[key] = (counter, self.seconds.labels(method, route))
        found[0].inc()
        found[1].observe(seconds)

    def count_answer(self, about: tuple[str, ...], route: str) -> None:
        """Count an answer that was made from `about` = (model, version)."""
        key = (*about, route)
        found = self._versions.get(key)
        if not found:
            found = self._versions[key] = self.answers.labels(*key)
        found.inc()


def exposition(state: Collector) -> bytes:
    """Everything, in the text format of Prometheus."""
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
