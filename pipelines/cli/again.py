"""Do again what a version did: the same code and settings on other data, or everything to the same digests."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from posterity.data.snapshot import digest_of, read_manifest
from posterity.errors import SettingsError
from posterity.model.loading import load_model
from posterity.model.source import archive, unpack
from posterity.registry import versions
from posterity.registry.versions import Version
from posterity.runs import RunLog
from posterity.settings import Settings
from posterity.store import ObjectStore, digest_bytes, open_store

CODE = Path(".posterity") / "code"
KEPT = ("seed", "chains", "shards", "sampler")
COMPARED = ("snapshot", "clean", "features", "plan", "posterior", "product")


def as_in_version(reference: str, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """`parameters` with the code, settings and seed of a version, and what is different here nevertheless."""
    store = open_store(Settings.from_environment().store, patient=False)
    version = versions.get(store, reference)
    if parameters["model"] and load_model(parameters["model"]).name != version.model:
        raise SettingsError(f"{version.label} is no version of {parameters['model']}; leave the model out")
    given = {name: value for name, value in parameters.items() if name not in KEPT}
    kept = {name: version.parameters[name] for name in KEPT if name in version.parameters}
    source = {"source": parameters["source"] or version.parameters.get("source", "")}
    again = {**given, **kept, **source, "model": model_of(store, version)}
    return again, package_differences(version)


def model_of(store: ObjectStore, version: Version) -> str:
    """The model of a version: the installed one if its code is the same, else the code kept with the version."""
    named = str(version.parameters.get("model", version.model))
    reference = version.references["code"]
    try:
        if digest_bytes(archive(load_model(named))) == reference.sha256:
            return named
    except Exception:  # noqa: S110 (gone or broken here: its kept code is taken)
        pass
    folder = (CODE / reference.sha256[:16]).absolute()
    return unpack(reference.fetch(store), folder, version.model_class)


def package_differences(version: Version) -> list[str]:
    """Packages whose version is another one here, in words."""
    from posterity.stages.register import installed

    here = installed()
    names = sorted(set(here) | set(version.packages))
    pairs = [(name, version.packages.get(name, "none"), here.get(name, "none")) for name in names]
    return [f"{name} is {now} here and was {before}" for name, before, now in pairs if before != now]


def schema_differences(version: Version, log: RunLog) -> list[str]:
    """How the columns of a run's snapshot differ from those that a version was made from, in words."""
    before = version.references["snapshot"].meta["columns"]
    now = log.stage("ingest").output("snapshot").meta["columns"]
    pairs = [(name, before.get(name, "not there"), now.get(name, "not there")) for name in sorted({*before, *now})]
    return [f"column {name} is {new} now and was {old}" for name, old, new in pairs if old != new]


def copy_snapshot(version: Version, store: ObjectStore, other: ObjectStore) -> str:
    """Copy a version's snapshot into another store; returns the source that names it there.

    Raises NotFoundError when the snapshot is gone, saying so if it was erased.
    """
    read_manifest(store, digest_of(version.references["snapshot"]))
    base = version.references["snapshot"].key.rpartition("/")[0]
    for name in ("raw.parquet", "origin.json", "manifest.json"):
        if found := store.read(f"{base}/{name}"):
            other.put(f"{base}/{name}", found[0])
    return f"snapshot:{base.split('/')[1]}"


def digests_compared(version: Version, log: RunLog) -> Iterator[dict[str, Any]]:
    """Each thing a version was made of: its digest, that of a repetition, and whether they are the same."""
    made = {name: output for record in log.stages() for name, output in record.outputs.items()}
    for name in COMPARED:
        before, now = version.references[name].sha256, made.get(name, {}).get("sha256", "")
        yield {"part": name, "registered": before[:16], "repeated": now[:16], "same": before == now}
