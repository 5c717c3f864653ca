"""How every stage runs: take what was done before, or do the work, and leave a record of either.

The identity of a piece of work is the digest of what it depends on: the stage's code, the model's code it calls,
its parameters and the digests of its inputs. What was made under an identity is found again in the store, by
any run of any pipeline.
"""

import atexit
import gc
import importlib
import json
import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity import errors
from posterity.errors import ConflictError, CorruptError, GateError, PosterityError, RefusedError, SettingsError
from posterity.lineage import emit
from posterity.model.contract import Model
from posterity.model.definition import definition_digest, module_digest
from posterity.model.loading import load_model
from posterity.registry.images import note_models
from posterity.release import pins
from posterity.release.pins import Pinned
from posterity.runs import ORDER, RunLog, StageError, StageRecord
from posterity.settings import Settings
from posterity.stages.inputs import parse_day
from posterity.store import ObjectStore, Reference, digest_bytes, digest_json, open_store

if TYPE_CHECKING:
    from posterity.report.page import Section


FINAL = (RefusedError, GateError, CorruptError)  # another attempt on the same input ends the same way


@dataclass(frozen=True)
class Result:
    """What the work of a stage gives.

    outputs: references, its artifacts; values: plain values, its parameters and what summaries show; section: its
    part of the report; error: raised once all of this is stored; reused: why nothing new was made, if so.
    """

    outputs: Mapping[str, Reference] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    section: "Section | None" = None
    error: PosterityError | None = None
    reused: str = ""


@dataclass(frozen=True)
class Context:
    """What the work of a stage has at hand. `inputs` are its parameters and references by name."""

    store: ObjectStore
    settings: Settings
    log: RunLog
    name: str
    inputs: Mapping[str, Any]

    @cached_property
    def model(self) -> Model:
        """The run's model, or the one that its runs are pinned to; loaded when it is first asked for, since the exit
        handler works without it."""
        return load_model(self.pinned.model(self.store) if self.pinned else self.inputs["model"])

    @cached_property
    def pinned(self) -> Pinned | None:
        """The version whose code and settings the run takes instead of its own."""
        return pins.of_run(self.store, self.log.run, self.name, self.inputs["model"])

    def reference(self, name: str) -> Reference:
        """An input that is an artifact."""
        found: Reference = self.inputs[name]
        return found

    def progress(self, **facts: Any) -> None:
        """Report progress for the live display."""
        self.log.report_progress(self.name, {"time": time.time(), **facts})


@dataclass(frozen=True)
class Stage:
    """A stage's work and what it depends on.

    uses: attributes of the model whose code or value the result depends on; depends: further facts that it depends
    on, such as where a pointer points; cached: whether an earlier result may be taken.
    """

    work: Callable[[Context], Result]
    uses: tuple[str, ...] = ()
    depends: Callable[[Context], Mapping[str, Any]] = lambda _: {}
    cached: bool = True


def execute(
    stage: str, run: str, job: str, inputs: Mapping[str, Any], outputs: Mapping[str, str], cause: str = ""
) -> Mapping[str, Any]:
    """Run `stage` as part of `run`, or of the pipeline's run `job` if that has no name; the body of every component.

    Inputs that are `Path`s (or lists of them) are artifacts. The references made are written to the paths in
    `outputs`; the key `report` gets the stage's section as a page, `run_report` and `summary` the run. Returns the
    stage's values.

    Raises whatever the stage raises, after it has been recorded under the run.
    """
    atexit.register(gc.freeze)  # a last collection would take a second where PyMC or MLflow are loaded
    settings = Settings.from_environment()
    store = open_store(settings.store)
    pod = os.environ.get("KFP_POD_NAME", "")
    log = RunLog(store, run or job)
    if pod and stage == ORDER[0]:
        note_models(store, settings.image)
    log.begin({}, cause or "from outside", *((job, settings.run_page(job)) if pod else ()))
    begun = StageRecord(stage, "running", part=str(inputs.get("shard", "")), started=time.time())
    before = log.last_attempt(begun.name) if pod else None
    begun = replace(begun, pods=(*(before.pods if before else ()), pod) if pod else ())
    log.write(begun)
    error: BaseException | None = None
    try:
        pinned = pins.of_run(store, log.run, stage, inputs["model"])
        used = {name: value for name, value in (pinned.parameters if pinned else {}).items() if name in inputs}
        begun = replace(begun, inputs=_plain({**inputs, **used}))
        _refuse_again(before)
        emit("START", store, settings, log.run, begun)
        record, error = _take_or_do(find_stage(stage), context_of(log, begun, settings), begun)
    except BaseException as raised:  # raised again below, once it is recorded
        record, error = begun, raised
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    record = replace(record, seconds=time.time() - begun.started, memory=round(most, 1))
    if error:
        record = replace(record, status="failed", error=StageError.of(error))
    log.write(record)
    emit("FAIL" if error else "COMPLETE", store, settings, log.run, record)
    _hand_over(log, record, outputs)
    if error:
        raise error
    return record.values


def _refuse_again(before: StageRecord | None) -> None:
    """Raise what stopped the last attempt, if this one would end the same way: the backend cannot tell what is worth a
    retry, since its launcher turns every exit code into 1."""
    is_retry = os.environ.get("KFP_RETRY_INDEX", "0") not in {"", "0"}
    if is_retry and before and before.error:
        kind = getattr(errors, before.error.kind, None)
        if isinstance(kind, type) and issubclass(kind, FINAL) and not issubclass(kind, ConflictError):
            raise kind(before.error.message)


def find_stage(name: str) -> Stage:
    """The definition of a stage."""
    found: Stage = importlib.import_module(f"posterity.stages.{name}").STAGE
    return found


def context_of(log: RunLog, record: StageRecord, settings: Settings) -> Context:
    """The context of a stage from the inputs in its record."""
    inputs = {name: _resolve(value) for name, value in record.inputs.items()}
    return Context(log.store, settings, log, record.name, inputs)


def _take_or_do(stage: Stage, context: Context, begun: StageRecord) -> tuple[StageRecord, PosterityError | None]:
    identity = _identity(stage, context, begun.stage)
    key = f"cache/{begun.stage}/{digest_json(identity)}.json"
    if stage.cached and (found := context.store.read(key)):
        known = {name: value for name, value in json.loads(found[0]).items() if name != "made_from"}
        return replace(begun, status="reused", why="nothing it depends on has changed", **known), None
    latest = f"cache/{begun.stage}/latest/{digest_json([begun.inputs['model'], begun.part])}.json"
    why = _what_changed(context.store.read(latest), identity)
    result = stage.work(context)
    kept: dict[str, Any] = {
        "outputs": {name: asdict(reference) for name, reference in result.outputs.items()},
        "values": dict(result.values),
        "section": _store_section(context.store, result.section),
    }
    if stage.cached and not result.error:
        made_from = [reference.key for reference in _references(context.inputs.values())]
        context.store.put(key, json.dumps({**kept, "made_from": made_from}).encode())
        context.store.overwrite(latest, json.dumps(identity).encode())
    done = replace(begun, status="reused" if result.reused else "ran", why=result.reused or why, **kept)
    return done, result.error


def _identity(stage: Stage, context: Context, name: str) -> dict[str, Any]:
    """What the result depends on; the name of the model is not among it, only its code."""
    facts = {name: _fact(value) for name, value in context.inputs.items() if name != "model"}
    return {
        "code of the stage": module_digest(f"posterity.stages.{name}"),
        "code of the model": definition_digest(context.model, stage.uses) if stage.uses else "",
        **facts,
        **stage.depends(context),
    }


def _references(values: Iterable[Any]) -> Iterator[Reference]:
    """The artifacts among inputs, those in lists included."""
    for value in values:
        if isinstance(value, list):
            yield from _references(value)
        elif isinstance(value, Reference):
            yield value


def _fact(value: Any) -> Any:
    """An input as part of an identity: an artifact counts by its content."""
    if isinstance(value, list):
        return [_fact(item) for item in value]
    return value.sha256 if isinstance(value, Reference) else value


def _what_changed(before: tuple[bytes, str] | None, identity: Mapping[str, Any]) -> str:
    """Why the work has to be done, held against the last time this stage ran for this model."""
    if not before:
        return "not done before"
    known = json.loads(before[0])
    changed = [name for name in identity if identity[name] != known.get(name)]
    return f"changed: {', '.join(changed)}" if changed else "its last result is gone"


def _store_section(store: ObjectStore, section: "Section | None") -> str:
    if section is None:
        return ""
    data = section.to_bytes()
    key = f"reports/{digest_bytes(data)}.html"
    store.put(key, data)
    return key


def _hand_over(log: RunLog, record: StageRecord, outputs: Mapping[str, str]) -> None:
    """Write the artifacts of a component; of a stage that was refused, its report."""
    for name, path in outputs.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if name in record.outputs:
            record.output(name).write(path)
        elif name in {"report", "run_report", "summary"}:
            Path(path).write_text(_page(name, log, record))


def _page(kind: str, log: RunLog, record: StageRecord) -> str:
    """A stage's own page, the report of the whole run, or the run in a few lines of Markdown."""
    from posterity.stages import pages, summary

    if kind == "report":
        return pages.stage_page(log.store, record)
    return pages.run_page(log) if kind == "run_report" else summary.run_summary(log)


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as JSON: parameters as they are, artifacts as what they refer to."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return {"reference": asdict(Reference.read(value))} if isinstance(value, Path) else value

    return {name: _iso(value) if name == "as_of" else plain(value) for name, value in inputs.items()}


def _iso(day: str) -> str:
    """A day in its one form, so that the same day is the same input; one that is none is refused by who uses it."""
    try:
        return parse_day(day).isoformat()
    except SettingsError:
        return day


def _resolve(value: Any) -> Any:
    """The other way round: a recorded input as a parameter or a reference."""
    if isinstance(value, list):
        return [_resolve(item) for item in value]
    return Reference(**value["reference"]) if isinstance(value, dict) and "reference" in value else value
