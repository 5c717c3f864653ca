"""What a comparison found, as plain data."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

STAGES = ("raw", "clean", "features", "posterior", "predictions", "table")
Verdict = Literal["equal", "differs", "not compared"]


@dataclass(frozen=True)
class Finding:
    """One thing in which the two runs differ.

    where: column, parameter or row; what: the statistic or the kind of difference; rows: how many rows differ (0
    where that has no meaning); z, p: the difference in Monte Carlo standard errors and its adjusted p-value, None
    where the comparison is exact; first: the first row that differs.
    """

    where: str
    what: str
    legacy: str = ""
    pipeline: str = ""
    rows: int = 0
    z: float | None = None
    p: float | None = None
    first: str = ""

    @property
    def sentence(self) -> str:
        """The finding in words."""
        values = f": {self.legacy} against {self.pipeline} of the pipeline" if self.legacy or self.pipeline else ""
        size = f" ({self.z:+.1f} MCSE)" if self.z is not None else ""
        place = f", first at {self.first}" if self.first else ""
        count = f" in {self.rows:,} rows" if self.rows else ""
        return f"{self.where}, {self.what}{count}{values}{size}{place}"


@dataclass(frozen=True)
class Scores:
    """All z values of one statistic, and the size from which one of them would be a finding."""

    name: str
    z: tuple[float, ...]
    limit: float


@dataclass(frozen=True)
class StageParity:
    """One stage held against the other run's.

    method: `exact` or `monte carlo`; compared: number of values (exact) or of tests; findings: the gravest first;
    left_out: what could not be compared, with the reason; notes: what is worth knowing and no difference.
    """

    stage: str
    verdict: Verdict
    method: Literal["exact", "monte carlo", ""]
    compared: int = 0
    findings: tuple[Finding, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    scores: tuple[Scores, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict == "not compared":
            return "not compared: " + "; ".join(why for _, why in self.left_out)
        if self.verdict == "differs":
            more = len(self.findings) - 1
            return self.findings[0].sentence + (f", and {more:,} more" if more else "")
        if self.method == "exact":
            return f"{self.compared:,} values are equal to the bit"
        return f"{self.compared:,} tests, the largest |z| is {self.largest:.1f}"

    @property
    def largest(self) -> float:
        """The largest |z|, 0 where there is none."""
        return max((abs(z) for scores in self.scores for z in scores.z), default=0.0)


@dataclass(frozen=True)
class ParityReport:
    """The comparison of a legacy run with a pipeline run, stage by stage in the order of `STAGES`."""

    legacy: str
    pipeline: str
    level: float
    stages: tuple[StageParity, ...]

    @property
    def parts_at(self) -> str | None:
        """The first stage that differs, None where none does."""
        return next((stage.stage for stage in self.stages if stage.verdict == "differs"), None)

    @property
    def verdict(self) -> Verdict:
        """`equal` if something was compared and nothing differs."""
        if self.parts_at:
            return "differs"
        return "equal" if any(stage.verdict == "equal" for stage in self.stages) else "not compared"

    @property
    def not_compared(self) -> tuple[tuple[str, str], ...]:
        """(stage or stage.what, why) of everything that was left out."""
        found = [(stage.stage, what, why) for stage in self.stages for what, why in stage.left_out]
        return tuple((f"{stage}.{what}" if what else stage, why) for stage, what, why in found)

    @property
    def summary(self) -> str:
        """The verdict in one sentence; it says where the two first part, and how sure that is."""
        if self.verdict == "not compared":
            return f"Nothing of {self.legacy} could be compared with {self.pipeline}."
        if self.verdict == "equal":
            names = ", ".join(stage.stage for stage in self.stages if stage.verdict == "equal")
            return f"{self.legacy} and {self.pipeline} agree in {names}."
        before = self.stages[: [stage.stage for stage in self.stages].index(str(self.parts_at))]
        unknown = [stage.stage for stage in before if stage.verdict == "not compared"]
        doubt = f" (or before: {', '.join(unknown)} could not be compared)" if unknown else ""
        return f"{self.legacy} and {self.pipeline} first part at {self.parts_at}{doubt}."

    def stage(self, name: str) -> StageParity:
        """One stage by its name."""
        return next(stage for stage in self.stages if stage.stage == name)

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """The table: stage, verdict, method, what was found; every further finding has a row of its own."""
        for stage in self.stages:
            yield stage.stage, stage.verdict, stage.method, stage.sentence
            yield from (("", "", "", finding.sentence) for finding in stage.findings[1:6])
        for stage in self.stages:
            yield from ((stage.stage, "not compared", "", f"{what}: {why}") for what, why in stage.left_out if what)

    def to_json(self) -> str:
        """As JSON; `from_json` reads it."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ParityReport":
        facts = json.loads(text)
        return cls(**{**facts, "stages": tuple(_stage(stage) for stage in facts["stages"])})


def _stage(facts: dict[str, Any]) -> StageParity:
    return StageParity(
        **{
            **facts,
            "findings": tuple(Finding(**finding) for finding in facts["findings"]),
            "left_out": tuple((what, why) for what, why in facts["left_out"]),
            "notes": tuple(facts["notes"]),
            "scores": tuple(Scores(item["name"], tuple(item["z"]), item["limit"]) for item in facts["scores"]),
        }
    )


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """The verdict of a stage that was compared."""
    return "differs" if findings else "equal"


def missing(stage: str, why: str) -> StageParity:
    """A stage that could not be compared at all."""
    return StageParity(stage, "not compared", "", left_out=(("", why),))
