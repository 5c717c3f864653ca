"""Register what was made as a version, with everything it was made from."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import distributions

from posterity import __version__
from posterity.data.product import ProductFacts
from posterity.lineage import graph
from posterity.model.source import archive, class_name
from posterity.registry import aliases, identity, versions
from posterity.registry.card import describe
from posterity.registry.versions import Version
from posterity.report.lineage import Node, lineage_section
from posterity.scoring.rehearsal import why_not_scored
from posterity.stages.runner import Context, Result, Stage
from posterity.store import Reference, digest_bytes
from posterity.store.reference import store_bytes

MADE_OF = ("snapshot", "clean", "features", "plan", "posterior", "product", "scores", "drift")


def work(context: Context) -> Result:
    """Write the version's record, make it the candidate, mirror it in MLflow."""
    facts = ProductFacts.from_json(context.reference("product").fetch(context.store))
    version = versions.add(context.store, _rehearsed(context, _version(context, facts)))
    newest = versions.get(context.store, context.model.name)
    if version.number == newest.number:
        aliases.move(
            context.store,
            context.model.name,
            "candidate",
            version.number,
            identity.who(),
            f"registered by {version.run}",
        )
    page = _mirror(context, version)
    is_new = version.run == context.log.run
    if not is_new:
        _mirror_repetition(context, version)
    data = version.to_json()
    reference = store_bytes(context.store, f"versions/{digest_bytes(data)}.json", data, "version")
    nodes, edges = graph(version)
    section = lineage_section([Node(**node) for node in nodes], edges, _reproduce(version))
    reused = "" if is_new else f"the same product is registered as {version.label}"
    values = {
        "number": version.number,
        "version": version.label,
        "product": version.product,
        "figures": version.metrics,
        "page": page,
        "unscorable": version.about.get("unscorable", ""),
    }
    return Result({"version": reference}, values, section, reused=reused)


def _rehearsed(context: Context, version: Version) -> Version:
    """The version with what keeps servers from scoring new keys with it; tried once for each product."""
    if versions.search(context.store, version.model, {"product": version.product}):
        return version
    why = why_not_scored(context.store.url, version)
    return replace(version, about={**version.about, "unscorable": why}) if why else version


def _mirror(context: Context, version: Version) -> str:
    """Mirror the version in MLflow, once for each registry, since importing it takes seconds; returns its page there,
    empty where there is none."""
    registry = digest_bytes(context.settings.registry.encode())[:12]
    done = f"models/{version.model}/mirrored/{version.number:06d}-{registry}.json"
    if found := context.store.read(done):
        return str(json.loads(found[0]).get("page", ""))
    from posterity.registry import tracking

    if not tracking.mirror(context.store, context.settings, version):
        return ""
    page = tracking.page(context.settings, version)
    context.store.put(done, json.dumps({"page": page}).encode())
    return page


def _mirror_repetition(context: Context, version: Version) -> None:
    """Every run is an experiment run in the registry, also one that gave nothing new."""
    from posterity.registry import tracking

    run, parameters = context.log.run, context.log.parameters()
    tracking.mirror_run(
        context.settings, version.model, run, "FINISHED", parameters, version.metrics, version=version.label
    )


def _version(context: Context, facts: ProductFacts) -> Version:
    references = {name: context.reference(name) for name in MADE_OF}
    code = archive(context.model)
    references["code"] = Reference(f"code/{digest_bytes(code)}.zip", digest_bytes(code), "code")
    context.store.put(references["code"].key, code)
    posterior = references["posterior"].meta
    scores = json.loads(references["scores"].fetch(context.store))
    return Version(
        model=context.model.name,
        product=references["product"].sha256,
        as_of=facts.as_of.isoformat(),
        valid_from=facts.valid_from.isoformat(),
        valid_until=facts.valid_until.isoformat(),
        run=context.log.run,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        references=references,
        parameters=context.log.parameters(),
        metrics={**_numbers(posterior["metrics"]), **_numbers(scores["metrics"])},
        gate=posterior["verdict"],
        drift=references["drift"].meta["verdict"],
        model_class=class_name(context.model),
        image=context.settings.image,
        packages=installed(),
        tags={"posterity": __version__, **_pipeline(context), **_pinned(context)},
        about=describe(context.model),
    )


def _pipeline(context: Context) -> dict[str, str]:
    """The run of the pipeline on a cluster that makes the version: its identifier there, and its page."""
    facts = context.log.facts()
    return {f"pipeline_{name}": str(facts[name]) for name in ("job", "link") if facts.get(name)}


def _pinned(context: Context) -> dict[str, str]:
    """The version whose code and settings were taken instead of the run's own, if they were."""
    return {"pinned": context.pinned.version} if context.pinned else {}


def installed() -> dict[str, str]:
    """Every installed package with its version, and Python itself."""
    packages = {str(item.metadata["Name"]).lower(): item.version for item in distributions()}
    return dict(sorted((packages | {"python": sys.version.split()[0]}).items()))


def _numbers(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if value == value}


def _reproduce(version: Version) -> dict[str, str]:
    return {
        "version": version.label,
        "made by": version.run,
        "valid": f"{date.fromisoformat(version.valid_from)} to {date.fromisoformat(version.valid_until)}",
        "reproduce with": f"posterity reproduce {version.label}",
    }


STAGE = Stage(work, cached=False)
