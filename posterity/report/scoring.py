"""The section of `evaluate`: how good the last product was, and how it compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from posterity.report import markup
from posterity.report.markup import Verdict, join, number
from posterity.report.page import Section
from posterity.report.scoring_plots import pictures

Array = NDArray[np.floating]


@dataclass(frozen=True)
class MetricRow:
    """A metric of the scored product; limit is in words, `holds` None where none is declared."""

    name: str
    value: float
    better: str = ""
    unit: str = ""
    limit: str = ""
    holds: bool | None = None
    description: str = ""


@dataclass(frozen=True)
class Comparison:
    """The scored product against a rival on the same rows: difference of mean scores, negative when it is better."""

    rival: str
    metric: str
    difference: float
    standard_error: float
    verdict: Literal["better", "equal", "worse"]


@dataclass(frozen=True)
class Coverage:
    """How often outcomes fell into the intervals of a level; low and high: what chance allows if the level is right."""

    level: float
    share: float
    low: float
    high: float

    @property
    def expected(self) -> bool:
        """Whether the share lies within what chance allows."""
        return self.low <= self.share <= self.high


@dataclass(frozen=True)
class Scores:
    """The scores of one product on what happened.

    title: what was scored on what; predicted and observed: (rows,) means and outcomes; trials: (rows,) or None;
    pit: (rows,); surprises: rows (key, predicted, interval, observed) farthest from what was predicted.
    """

    title: str
    metrics: Sequence[MetricRow] = ()
    coverage: Sequence[Coverage] = ()
    comparisons: Sequence[Comparison] = ()
    pit: Array | None = None
    predicted: Array | None = None
    observed: Array | None = None
    trials: Array | None = None
    unit: str = ""
    surprises: Sequence[tuple[str, str, str, str]] = ()
    notes: Sequence[str] = field(default_factory=tuple)


def scoring_section(scores: Scores | None, why_not: str = "") -> Section:
    """The scores, or why there are none (the first run has no earlier product to score)."""
    if scores is None:
        text = why_not or "There is no earlier product whose outcomes have arrived, so there is nothing to score yet."
        hint = markup.paragraph("The next run scores this run's product, once the period it is valid for is over.")
        return Section("scores", "Scores", hint, "", text)
    parts = [
        markup.paragraph(scores.title),
        *(markup.callout("", note) for note in scores.notes),
        _metrics(scores.metrics),
        _comparisons(scores.comparisons),
        markup.figures(pictures(scores)),
        _coverage(scores.coverage),
        _surprises(scores.surprises),
    ]
    return Section("scores", "Scores", join(parts), _verdict(scores), _summary(scores))


def _verdict(scores: Scores) -> Verdict:
    if any(metric.holds is False for metric in scores.metrics):
        return "bad"
    doubtful = any(not item.expected for item in scores.coverage)
    worse = any(item.verdict == "worse" for item in scores.comparisons)
    return "warn" if doubtful or worse else "ok"


def _summary(scores: Scores) -> str:
    broken = [metric.name for metric in scores.metrics if metric.holds is False]
    parts = [f"Beyond its declared limit: {', '.join(broken)}." if broken else "All declared limits hold."]
    if not any(metric.holds is not None for metric in scores.metrics):
        parts = ["No limits are declared."]
    for item in scores.coverage:
        if item.level == 0.9:
            parts.append(f"The 90 % intervals held {markup.percent(item.share)} of the outcomes.")
    verdicts: dict[str, list[str]] = {}
    for comparison in scores.comparisons:
        verdicts.setdefault(comparison.verdict, []).append(comparison.rival)
    for verdict, word in (("better", "Better than"), ("equal", "As good as"), ("worse", "Worse than")):
        if rivals := list(dict.fromkeys(verdicts.get(verdict, []))):
            parts.append(f"{word} {' and '.join(rivals)}.")
    return " ".join(parts)


def _metrics(metrics: Sequence[MetricRow]) -> Markup:
    if not metrics:
        return Markup("")
    rows = [
        (item.name, number(item.value), item.unit, item.better, item.limit or "–", _holds(item.holds), item.description)
        for item in metrics
    ]
    kinds = ["bad" if item.holds is False else "" for item in metrics]
    columns = ["metric", "value", "unit", "better", "limit", "", "meaning"]
    return markup.heading("Metrics") + markup.table(columns, rows, text=(0, 2, 3, 4, 5, 6), kinds=kinds)


def _holds(holds: bool | None) -> Any:
    return "" if holds is None else markup.pill("ok", "holds") if holds else markup.pill("bad", "broken")


def _comparisons(comparisons: Sequence[Comparison]) -> Markup:
    if not comparisons:
        return Markup("")
    kinds: Mapping[str, Verdict] = {"better": "ok", "equal": "", "worse": "bad"}
    rows = [
        (
            item.rival,
            item.metric,
            number(item.difference),
            number(item.standard_error, 2),
            markup.pill(kinds[item.verdict], item.verdict),
        )
        for item in comparisons
    ]
    lead = markup.paragraph(
        "Differences of the mean score on the same rows, with paired standard errors; negative is better for this "
        "product. Worry when the champion or a plain baseline wins."
    )
    table = markup.table(["against", "score", "difference", "standard error", "verdict"], rows, text=(0, 1, 4))
    return join([markup.heading("Comparison"), lead, table])


def _coverage(coverage: Sequence[Coverage]) -> Markup:
    rows = [
        (
            markup.percent(item.level, 0),
            markup.percent(item.share),
            f"{markup.percent(item.low)} … {markup.percent(item.high)}",
            markup.pill("ok", "as declared") if item.expected else markup.pill("warn", "off"),
        )
        for item in coverage
    ]
    columns = ["interval", "held the outcome", "chance allows", ""]
    return markup.table(columns, rows, text=(0, 3), caption="Coverage of the published intervals")


def _surprises(surprises: Sequence[tuple[str, str, str, str]]) -> Markup:
    if not surprises:
        return Markup("")
    table = markup.table(["row", "predicted", "90 % interval", "happened"], surprises, text=(0,), fold_after=None)
    return markup.fold("The rows with the greatest surprises", table)
