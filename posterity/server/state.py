"""The metrics that follow from what a server holds, computed at each scrape."""

import platform
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from posterity import __version__
from posterity.errors import PosterityError
from posterity.server import inputs
from posterity.server.catalogue import Line
from posterity.server.served import ServedVersion, end_of
from posterity.server.service import Service
from posterity.stats.inputs import InputDrift
from posterity.store import ObjectStore

if TYPE_CHECKING:
    import pandas as pd

VERSION = ("model", "version")
VERDICTS = ("stable", "warn", "drift", "no-baseline")
OWN_FAMILIES = ("crps", "coverage_50", "coverage_90")  # scores with a metric of their own


class State(Collector):
    """Collects from one service. `collect` gives every family, also one that has no samples yet."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[GaugeMetricFamily]:
        lines = list(self._service.catalogue.lines.values())
        yield from self._server()
        yield from _products(lines)
        products = [served for line in lines for served in (line.current, line.challenger) if served]
        yield from _standings(products)
        yield from _inputs(products, self._service.store)

    def _server(self) -> Iterator[GaugeMetricFamily]:
        condition = self._service.follower.condition
        build = {"version": __version__, "python": platform.python_version()}
        yield _family("posterity_build_info", "Version of the server", tuple(build), [(build.values(), 1)])
        yield _family(
            "posterity_ready", "Whether all that is to be served is in memory", (), [((), condition.is_ready)]
        )
        yield _family(
            "posterity_store_up", "Whether the last look at the store succeeded", (), [((), not condition.away)]
        )
        looked = [] if condition.looked is None else [((), condition.looked)]
        name = "posterity_store_last_success_timestamp_seconds"
        yield _family(name, "When a look at the store last succeeded", (), looked)
        troubles = [((model,), 1) for model in condition.troubles]
        name = "posterity_product_trouble"
        yield _family(name, "1 where what a pointer names cannot be served", ("model",), troubles)
        held = self._service.catalogue.memory()
        sizes = [((*served.about, part), size) for served in held for part, size in served.nbytes.items()]
        yield _family("posterity_product_memory_bytes", "Memory of a version", (*VERSION, "part"), sizes)
        lines = self._service.catalogue.lines.values()
        ended = [((line.model,), line.succeeded.time) for line in lines if line.succeeded]
        name = "posterity_pipeline_last_success_timestamp_seconds"
        yield _family(name, "When a run of the pipeline last succeeded", ("model",), ended)


def _products(lines: list[Line]) -> Iterator[GaugeMetricFamily]:
    now = time.time()
    held = [(line, kind, served) for line in lines for kind, served in _kinds(line)]
    names = (*VERSION, "role", "reference", "gate", "drift", "as_of")
    info = [((*served.about, kind, line.reference, *_verdicts(served)), 1) for line, kind, served in held]
    yield _family("posterity_model_info", "What is served", names, info)
    products = [served for _, _, served in held]

    def each(name: str, text: str, value: Any) -> GaugeMetricFamily:
        return _family(name, text, VERSION, [(served.about, value(served)) for served in products])

    yield each("posterity_product_rows", "Rows of a product", lambda served: served.rows.count)
    yield each(
        "posterity_product_age_seconds", "Time since a product was registered", lambda served: now - _made(served)
    )
    yield each(
        "posterity_product_validity_left_seconds",
        "Time until a product expires, negative afterwards",
        lambda served: served.ends - now,
    )
    yield each("posterity_product_expired", "Whether a product has expired", lambda served: now >= served.ends)
    yield each(
        "posterity_data_age_seconds",
        "Time since the day up to which a product knows the data",
        lambda served: now - end_of(served.facts.as_of),
    )


def _standings(products: list[ServedVersion]) -> Iterator[GaugeMetricFamily]:
    rhat, ess = ("rhat_max", "Largest R-hat that the gate saw"), ("ess_min", "Smallest effective sample size it saw")
    for name, text in (rhat, ess):
        found = [(served.about, served.standing.gate[name]) for served in products if name in served.standing.gate]
        yield _family(f"posterity_gate_{name}", text, VERSION, found)
    z = [((*served.about, group), value) for served in products for group, value in served.standing.drift_z.items()]
    yield _family("posterity_drift_z", "Largest |z| against the baseline", (*VERSION, "group"), z)
    verdicts = [
        ((*served.about, verdict), served.record.drift == verdict) for served in products for verdict in VERDICTS
    ]
    yield _family("posterity_drift_verdict", "1 for the verdict that holds", (*VERSION, "verdict"), verdicts)
    yield from _scores(products)


def _scores(products: list[ServedVersion]) -> Iterator[GaugeMetricFamily]:
    """The figures of the last product that was scored, which is an earlier one than is served."""
    scored = [
        (
            served.record.model,
            str(served.standing.scores["version"]).rpartition("/")[2],
            served.standing.scores["metrics"],
        )
        for served in products
        if served.standing.scores.get("version")
    ]
    crps = [((model, number), found["crps"]) for model, number, found in scored if "crps" in found]
    yield _family("posterity_crps", "Mean CRPS of the last product that was scored", VERSION, crps)
    coverage = [
        ((model, number, str(level / 100)), found[f"coverage_{level}"])
        for model, number, found in scored
        for level in (50, 90)
        if f"coverage_{level}" in found
    ]
    yield _family("posterity_coverage_ratio", "Share of outcomes within intervals", (*VERSION, "level"), coverage)
    others = [
        ((model, number, name), value)
        for model, number, found in scored
        for name, value in found.items()
        if name not in OWN_FAMILIES
    ]
    yield _family("posterity_score", "Other scores, such as the decision loss", (*VERSION, "score"), others)


def _inputs(products: list[ServedVersion], store: ObjectStore) -> Iterator[GaugeMetricFamily]:
    """The rows that were scored last, by all workers, against the training data."""
    rows = {served.about: inputs.gathered(served.about) for served in products}
    found = [
        ((*served.about, column.column), column)
        for served in products
        for column in _compared(served, rows[served.about], store)
    ]
    counts = [(about, len(table)) for about, table in rows.items() if len(table)]
    yield _family("posterity_infer_rows", "Rows scored last, which are compared", VERSION, counts)
    names = (*VERSION, "column")
    effects = [(labels, column.effect) for labels, column in found]
    yield _family("posterity_infer_input_effect", "How far a column is from what it was in training", names, effects)
    drifted = [(labels, column.drifted) for labels, column in found]
    yield _family("posterity_infer_input_drifted", "Whether that is far, and no chance", names, drifted)


def _compared(served: ServedVersion, rows: "pd.DataFrame", store: ObjectStore) -> tuple[InputDrift, ...]:
    """Nothing of few rows, and while the store does not give what they are compared with."""
    if len(rows) < inputs.LEAST:
        return ()
    try:
        return inputs.compared(served.load_trained(store), rows)
    except PosterityError:
        return ()


def _family(
    name: str, text: str, labels: Iterable[str], samples: Iterable[tuple[Iterable[Any], Any]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=list(labels))
    for values, value in {tuple(map(str, values)): value for values, value in samples}.items():
        family.add_metric(list(values), float(value))
    return family


def _kinds(line: Line) -> list[tuple[str, ServedVersion]]:
    both = (("current", line.current), ("challenger", line.challenger))
    return [(kind, served) for kind, served in both if served]


def _verdicts(served: ServedVersion) -> tuple[str, str, str]:
    return served.record.gate, served.record.drift, served.record.as_of


def _made(served: ServedVersion) -> float:
    return datetime.fromisoformat(served.record.created).timestamp()
