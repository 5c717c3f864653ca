"""Pages made from the sections that stages left in the store."""

from typing import Any

from posterity.report.page import Section, page
from posterity.report.run import overview_section, stages_section
from posterity.runs import RunLog, StageRecord
from posterity.store import ObjectStore

SHOWN_PARAMETERS = ("model", "as_of", "source", "seed", "chains", "shards", "sampler")


def stage_page(store: ObjectStore, record: StageRecord) -> str:
    """A stage's own page, for the dashboard: its section, or the error that stopped it."""
    section = [Section.from_bytes(store.get(record.section))] if record.section else []
    error = [stages_section([record], {}, {})] if record.error else []
    return page(record.name, [*error, *section], {})


def run_page(log: RunLog) -> str:
    """The report of a run, from whatever its stages have left so far."""
    records = log.stages()
    facts = log.facts()
    sections = [Section.from_bytes(log.store.get(record.section)) for record in records if record.section]
    digests = {
        f"{record.name} · {name}": str(output["sha256"])
        for record in records
        for name, output in record.outputs.items()
    }
    parameters = log.parameters()
    settings = {name: parameters.get(name) for name in SHOWN_PARAMETERS}
    name = str(parameters.get("model", log.run)).rpartition(":")[2]
    title = f"{name} as of {parameters.get('as_of', '')}"
    meta = {"run": log.run, "started by": facts["cause"]}
    meta |= {"in the dashboard": facts["link"]} if facts.get("link") else {}
    return page(title, [_overview(log, records), *sections, stages_section(records, settings, digests)], meta)


def _overview(log: RunLog, records: list[StageRecord]) -> Section:
    values = {record.stage: record.values for record in records}
    failed = log.failure
    if failed and failed.error:
        summary = f"Stopped in {failed.name}: {failed.error.message}"
        again = f"posterity stage {log.run} {failed.name} --pdb"
        return overview_section(summary, verdict="bad", next_steps=[("Look at the stage where it stopped:", again)])
    gate, drift = values.get("diagnose", {}), values.get("detect_drift", {})
    product = next((record for record in records if record.stage == "predict"), None)
    version = values.get("register", {}).get("version")
    summary = f"Registered as {version}." if version else "The run has not registered a version (yet)."
    shown: dict[str, Any] = {"gate": gate.get("verdict", ""), "drift": drift.get("verdict", "")}
    if product and log.store.size(product.output("product").key) is None:
        return overview_section(f"{summary} Its predictions were erased.", facts=shown)
    if product:
        from posterity.data.product import load_product

        made = load_product(log.store, product.output("product"))
        period = f"{made.facts.valid_from} to {made.facts.valid_until}"
        return overview_section(
            summary,
            verdict="warn" if drift.get("verdict") in {"warn", "drift"} else "ok",
            facts={**shown, "predicts": period, "rows": made.facts.rows},
            table=made.predictions,
            keys=made.facts.keys,
            quantity=made.facts.quantities[0],
            next_steps=_next_steps(version, drift.get("verdict", "")),
        )
    return overview_section(summary, facts=shown)


def _next_steps(version: str | None, drift: str) -> list[tuple[str, str]]:
    steps = []
    if version and drift == "no-baseline":
        steps.append(
            (
                "If the figures are right, make this version the baseline that later runs are compared with:",
                f'posterity baseline verify {version} --reason "…"',
            )
        )
    if version:
        steps.append(("Put this version into production:", f'posterity approve {version} --reason "…"'))
        steps.append(("Prove that it can be reproduced:", f"posterity reproduce {version}"))
    return steps
