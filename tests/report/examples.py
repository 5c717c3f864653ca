"""Inputs of every section: typical, empty and extreme ones."""

from datetime import date

import numpy as np
import pandas as pd

from posterity.data.product import ProductFacts
from posterity.model.contract import Estimand, Quantity
from posterity.report.history import Period, Point
from posterity.report.lineage import Node
from posterity.report.scoring import Comparison, Coverage, MetricRow, Scores
from posterity.runs import StageError, StageRecord

EVIL = '<b onclick="alert(1)">&\'"$x_1$\\frac'
SHARE = Quantity("share", "share of flights", "share of flights that arrive late or never", "flights")
MINUTES = Quantity("minutes", "minutes of delay")
KEYS = ("carrier", "origin", "dest")


def product(rows, quantity=SHARE, seed=0):
    """A table of predictions; the first key holds markup."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({key: rng.choice(["UA", "EWR", "ORD", "9E"], rows) for key in KEYS})
    table["flights"] = rng.integers(1, 400, rows)
    mean = rng.beta(4, 14, rows)
    width = 0.03 + 0.3 / np.sqrt(table["flights"].to_numpy())
    if quantity.exposure is None:
        table, mean, width = table.drop(columns="flights"), 60 * mean - 5, 60 * width
    table[f"{quantity.name}_mean"] = mean
    for name, z in (("sd", 0.6), ("mcse", 0.02)):
        table[f"{quantity.name}_{name}"] = z * width
    for level, z in ((5, -1), (25, -0.4), (50, 0), (75, 0.4), (95, 1)):
        value = mean + z * width
        table[f"{quantity.name}_q{level:02d}"] = np.clip(value, 0, 1) if quantity.exposure else value
    if rows:
        table.loc[0, "carrier"] = EVIL
    return table


def product_facts(rows, *quantities):
    days = (date(2013, 3, 31), date(2013, 4, 1), date(2013, 4, 30))
    return ProductFacts("flights", *days, rows, KEYS, quantities or (SHARE,), "a" * 64, "b" * 64, "c" * 64)


def autocorrelated(chains, draws, count, seed=0, rho=0.6):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((chains, draws, count))
    for i in range(1, draws):
        noise[:, i] = rho * noise[:, i - 1] + np.sqrt(1 - rho**2) * noise[:, i]
    return noise


def replicates(rows, draws=100, seed=0):
    """Observed values and ones replicated from the same distribution."""
    rng = np.random.default_rng(seed)
    return rng.beta(4, 14, rows), rng.beta(4, 14, (draws, rows))


def estimands():
    effects = autocorrelated(1, 400, 20)[0]
    names = [f"carrier {i}" for i in range(19)] + [EVIL]
    return [
        Estimand("carrier", names, effects, "logit"),
        Estimand("share at the average month", names, 0.3 + 0.02 * effects, "share"),
        Estimand("nobody", [], effects[:, :0], "logit"),
    ]


def scores(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    predicted = rng.beta(4, 14, rows)
    return Scores(
        f"flights/1 on March 2013 {EVIL}",
        [
            MetricRow("crps", 0.041, "lower", "share", "at most 0.08", True, "distance of forecast and outcome"),
            MetricRow("loss", 12.3, "lower", "€ per route", "at most 10", False, EVIL),
            MetricRow("log_score", float("nan")),
        ],
        [Coverage(0.5, 0.47, 0.44, 0.56), Coverage(0.9, 0.85, 0.87, 0.93)],
        [
            Comparison("champion flights/1", "crps", -0.001, 0.002, "equal"),
            Comparison("last period", "crps", -0.012, 0.002, "better"),
            Comparison(EVIL, "crps", 0.01, 0.002, "worse"),
        ],
        pit=rng.uniform(size=rows),
        predicted=predicted,
        observed=np.clip(predicted + rng.normal(0, 0.08, rows), 0, 1),
        trials=rng.integers(0, 300, rows).astype(float),
        surprises=[(EVIL, "21 %", "12 – 30 %", "48 %")],
        notes=["3 rows had no outcome."],
    )


def stage_records(failing=False):
    names = ("ingest", "check_data", "preprocess", "plan", "sample", "register")
    records = [
        StageRecord(name, "reused" if i < 2 else "ran", why="first run", seconds=3.7**i / 10)
        for i, name in enumerate(names)
    ]
    if failing:
        error = StageError("DataTestError", f"snapshot ab failed {EVIL}", 3, "Traceback …")
        records[-1] = StageRecord("register", "failed", error=error)
    return records


NODES = [
    Node("s", "snapshot", "a3f09c1d · 336,776 rows", {"sha256": "a" * 64}),
    Node("c", "code", EVIL),
    Node("f", "features", "77aa"),
    Node("p", "posterior", "4 chains"),
    Node("v", "version", "flights/2"),
]
EDGES = [("s", "f"), ("c", "f"), ("f", "p"), ("c", "p"), ("p", "v"), ("s", "nowhere"), ("v", "v")]


def year(count=11):
    """The months of a year, the last one without outcomes."""
    rng = np.random.default_rng(1)
    verdicts = ("no-baseline", "stable", "warn", "drift", "stable")
    return [_month(i, rng, verdicts[i % 5], known=i < count - 1) for i in range(count)]


def _month(i, rng, verdict, known):
    as_of, first = date(2013 + (i + 1) // 12, (i + 1) % 12 + 1, 28), date(2013 + (i + 2) // 12, (i + 2) % 12 + 1, 1)
    series = {}
    for name, middle in (("all flights", 0.22), (EVIL, 0.3)):
        actual = middle + rng.normal(0, 0.04) if known else None
        series[name] = Point(middle - 0.06, middle - 0.02, middle, middle + 0.02, middle + 0.06, actual)
    return Period(as_of, first, series, {0.9: rng.uniform(0.7, 1)} if known else {}, "pass", verdict)
