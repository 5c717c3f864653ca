"""Requests that arrive while others are computed are computed together: a row is predicted alike in any company."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posterity.errors import PosterityError
from posterity.scoring.columns import Columns
from posterity.scoring.scorer import Question, Scorer

MOST = 2000  # rows computed together, unless one request has more
PAUSE = 0.001  # seconds after a batch of several requests, in which their senders ask again: one batch, not two

InThread = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class _Job:
    columns: Columns
    question: Question
    done: "asyncio.Future[Columns]"

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))


class Batcher:
    """Scores with one version; for the event loop's thread."""

    def __init__(self, scorer: Scorer, in_thread: InThread) -> None:
        self.scorer = scorer
        self._in_thread = in_thread
        self._waiting: list[_Job] = []
        self._running: asyncio.Task[None] | None = None

    async def score(self, columns: Columns, question: Question) -> Columns:
        """What the scorer says of the rows. Raises ModelError."""
        job = _Job(columns, question, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._running is None:
            self._running = asyncio.create_task(self._work())
        return await job.done

    async def _work(self) -> None:
        try:
            while self._waiting:
                jobs = self._next()
                await self._answer(jobs)
                if len(jobs) > 1:
                    await asyncio.sleep(PAUSE)
        finally:
            self._running = None

    async def _answer(self, jobs: list[_Job]) -> None:
        results: Sequence[Columns | Exception]
        try:
            results = await self._in_thread(score_together, self.scorer, jobs)
        except Exception as error:  # it is the requests' to answer
            results = [error] * len(jobs)
        for job, result in zip(jobs, results, strict=True):
            if job.done.cancelled():
                continue
            if isinstance(result, Exception):
                job.done.set_exception(result)
            else:
                job.done.set_result(result)

    def _next(self) -> list[_Job]:
        """The longest waiting job and those that ask the same, up to MOST rows."""
        first = self._waiting.pop(0)
        taken, rows, left = [first], first.rows, []
        for job in self._waiting:
            if job.question == first.question and rows + job.rows <= MOST:
                taken.append(job)
                rows += job.rows
            else:
                left.append(job)
        self._waiting = left
        return taken


def score_together(scorer: Scorer, jobs: list[_Job]) -> "list[Columns | PosterityError]":
    """The result of each job, or why it has none; one that fails does not make the others fail."""
    if len(jobs) == 1:
        return [_alone(scorer, jobs[0])]
    joined = {name: np.concatenate([job.columns[name] for job in jobs]) for name in jobs[0].columns}
    try:
        found = scorer.score(joined, jobs[0].question)
    except Exception:  # whose fault it is shows when each is tried by itself
        return [_alone(scorer, job) for job in jobs]
    edges = np.cumsum([job.rows for job in jobs])[:-1]
    parts: defaultdict[int, Columns] = defaultdict(dict)
    for name, values in found.items():
        for place, part in enumerate(np.split(values, edges)):
            parts[place][name] = part
    return [parts[place] for place in range(len(jobs))]


def _alone(scorer: Scorer, job: _Job) -> "Columns | PosterityError":
    try:
        return scorer.score(job.columns, job.question)
    except PosterityError as error:
        return error
