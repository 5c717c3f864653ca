"""How every stage runs: take what was done before, or do the work, and leave a record of either.

The identity of a piece of work is the digest of what it depends on: the stage's code, the model's code it calls,
its parameters and the digests of its inputs. What was made under an identity is found again in the store, by
any run of any pipeline.
"""

import importlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from posterity.errors import PosterityError
from posterity.lineage import emit
from posterity.model.contract import Model
from posterity.model.definition import definition_digest, module_digest
from posterity.model.loading import load_model
from posterity.runs import RunLog, StageError, StageRecord
from posterity.settings import Settings
from posterity.store import ObjectStore, Reference, digest_bytes, digest_json, open_store


@dataclass(frozen=True)
class Result:
    """What a stage made: references (its artifacts), plain values (its parameters), its section of the report,
    and an error to raise once all of that is stored."""

    outputs: Mapping[str, Reference] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    section: Any = None
    error: PosterityError | None = None
    reused: str = ""


@dataclass(frozen=True)
class Context:
    """What the work of a stage has at hand. `inputs` are its parameters and references by name."""

    store: ObjectStore
    settings: Settings
    log: RunLog
    stage: str
    inputs: Mapping[str, Any]
    model: Model
    name: str = ""

    def reference(self, name: str) -> Reference:
        """An input that is an artifact."""
        found: Reference = self.inputs[name]
        return found

    def progress(self, **facts: Any) -> None:
        """Report progress for the live display."""
        self.log.report_progress(self.name or self.stage, {"time": time.time(), **facts})


@dataclass(frozen=True)
class Stage:
    """A stage's work and what it depends on.

    uses: attributes of the model whose code or value the result depends on; depends: further facts that it
    depends on, such as where a pointer points; cached: whether an earlier result may be taken; ignores: inputs
    that cannot change the result (e.g. a model's name, where only its code matters).
    """

    work: Callable[[Context], Result]
    uses: tuple[str, ...] = ()
    depends: Callable[[Context], Mapping[str, Any]] = lambda _: {}
    cached: bool = True
    ignores: tuple[str, ...] = ("model",)
    part: Callable[[Mapping[str, Any]], str] = lambda _: ""


def execute(stage: str, run: str, inputs: Mapping[str, Any], outputs: Mapping[str, str]) -> Mapping[str, Any]:
    """Run `stage` as part of `run`; the body of every component.

    Inputs that are `Path`s (or lists of them) are artifacts. The references made are written to the paths in
    `outputs`; the key `report` gets the stage's section as a page. Returns the stage's values.

    Raises whatever the stage raises, after it has been recorded under the run.
    """
    settings = Settings.from_environment()
    store = open_store(settings.store)
    definition: Stage = importlib.import_module(f"posterity.stages.{stage}").STAGE
    part = definition.part(inputs)
    log = RunLog(store, run)
    begun = StageRecord(stage, "running", part, started=time.time(), inputs=_plain(inputs))
    log.write(begun)
    emit("START", store, settings, log, begun)
    try:
        references = {name: _resolve(value) for name, value in inputs.items()}
        context = Context(store, settings, log, stage, references, load_model(inputs["model"]), begun.name)
        record = _take_or_do(definition, context, begun)
    except BaseException as error:
        record = replace(begun, status="failed", error=StageError.of(error))
        raise
    finally:
        record = replace(record, seconds=time.time() - begun.started)
        log.write(record)
        emit("FAIL" if record.error else "COMPLETE", store, settings, log, record)
    _hand_over(store, record, outputs)
    if record.error:
        raise _as_error(record.error)
    return record.values


def _take_or_do(stage: Stage, context: Context, begun: StageRecord) -> StageRecord:
    identity = _identity(stage, context)
    key = f"cache/{context.stage}/{digest_json(identity)}.json"
    if stage.cached and (found := context.store.read(key)):
        kept = json.loads(found[0])
        return replace(begun, status="reused", why="nothing it depends on has changed", **kept)
    why = _what_changed(context, identity)
    result = stage.work(context)
    kept = {
        "outputs": {name: asdict(reference) for name, reference in result.outputs.items()},
        "values": dict(result.values),
        "section": _store_section(context, result.section),
    }
    record = replace(begun, status="reused" if result.reused else "ran", why=result.reused or why, **kept)
    if result.error:
        return replace(record, status="failed", error=StageError.of(result.error))
    if stage.cached:
        context.store.put(key, json.dumps(kept).encode())
    context.store.overwrite(_latest_key(context), json.dumps(identity).encode())
    return record


def _identity(stage: Stage, context: Context) -> dict[str, Any]:
    facts = {name: _fact(value) for name, value in context.inputs.items() if name not in stage.ignores}
    return {
        "code of the stage": module_digest(f"posterity.stages.{context.stage}", "posterity"),
        "code of the model": definition_digest(context.model, stage.uses),
        **facts,
        **stage.depends(context),
    }


def _fact(value: Any) -> Any:
    """An input as part of an identity: an artifact counts by its content."""
    if isinstance(value, list):
        return [_fact(item) for item in value]
    return value.sha256 if isinstance(value, Reference) else value


def _what_changed(context: Context, identity: Mapping[str, Any]) -> str:
    """Why the work has to be done, held against the last run of this stage for this model."""
    found = context.store.read(_latest_key(context))
    if not found:
        return "first run"
    before = json.loads(found[0])
    changed = [name for name in identity if identity[name] != before.get(name)]
    return f"changed: {', '.join(changed)}" if changed else "always runs"


def _latest_key(context: Context) -> str:
    part = context.name.removeprefix(context.stage)
    return f"cache/{context.stage}/latest/{context.model.name}{part}.json"


def _store_section(context: Context, section: Any) -> str:
    if section is None:
        return ""
    data: bytes = section.to_bytes()
    key = f"reports/{digest_bytes(data)}.html"
    context.store.put(key, data)
    return key


def _hand_over(store: ObjectStore, record: StageRecord, outputs: Mapping[str, str]) -> None:
    """Write the artifacts of a component."""
    for name, path in outputs.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if name == "report":
            _write_page(store, record, Path(path))
        elif name in record.outputs:
            record.output(name).write(path)


def _write_page(store: ObjectStore, record: StageRecord, path: Path) -> None:
    from posterity.report.page import Section, page

    sections = [Section.from_bytes(store.get(record.section))] if record.section else []
    path.write_text(page(record.name, sections, {}))


def _resolve(value: Any) -> Any:
    if isinstance(value, list):
        return [_resolve(item) for item in value]
    return Reference.read(value) if isinstance(value, Path) else value


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as JSON: parameters as they are, artifacts as what they refer to."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return {"reference": asdict(Reference.read(value))} if isinstance(value, Path) else value

    return {name: plain(value) for name, value in inputs.items()}


def _as_error(error: StageError) -> PosterityError:
    """The recorded error as an exception of its own kind."""
    from posterity import errors

    return getattr(errors, error.kind, PosterityError)(error.message)


def attempt() -> int:
    """Which attempt of its task this process is, counted from 0 (set by Kubeflow Pipelines)."""
    return int(os.environ.get("KFP_RETRY_INDEX", "0") or 0)
