"""Versions and the aliases that point at them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.shared import Json, console, print_facts, print_json, print_path, print_rows, the_store
from posterity.errors import NotFoundError, SettingsError, UnavailableError
from posterity.registry.versions import Version
from posterity.settings import Settings

VersionName = Annotated[str, typer.Argument(help="model/number, model@alias, or model for its newest version.")]
Reason = Annotated[str, typer.Option(help="Why; written to the audit log.")]

baseline = typer.Typer(
    name="baseline", help="The version that drift is measured against, vouched for by a person.", no_args_is_help=True
)


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(
        epilog="Examples:\n\n  posterity versions flights\n\n  posterity versions --tag gate=pass --tag snapshot=3fa94c"
    )(versions)
    app.command(epilog="Examples:\n\n  posterity inspect flights/3\n\n  posterity inspect flights@champion --json")(
        inspect
    )
    app.command(epilog="Examples:\n\n  posterity fetch flights/3 posterior --to posterior.nc")(fetch)
    app.command(epilog="Examples:\n\n  posterity mirror\n\n  posterity mirror flights --json")(mirror)


def versions(
    model: Annotated[str, typer.Argument(help="A model; all of them if not given.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="name=value that a version must have; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """List registered versions, by any tag: digests (from six digits on), verdicts, days, seed, run."""
    from posterity.registry import versions as registry

    store = the_store()
    wanted = dict(_pair(text) for text in tag or [])
    names = [known(model)] if model else registry.models(store)
    found = [version for name in names for version in registry.search(store, name, wanted)]
    print_rows([_row(version) for version in found], as_json, empty="no version is registered that fits")


def inspect(version: VersionName, as_json: Json = False) -> None:
    """Show everything known about a version: verdicts, metrics, settings, digests, packages, aliases."""
    from posterity.registry import aliases
    from posterity.registry import versions as registry

    store = the_store()
    found = registry.get(store, version)
    pointing = [alias for alias in aliases.ALIASES if aliases.current(store, found.model, alias) == found.number]
    facts = {
        **_row(found),
        "aliases": pointing,
        "created": found.created,
        "metrics": found.metrics,
        "parameters": found.parameters,
        **{f"{name} sha256": reference.sha256 for name, reference in found.references.items()},
        "packages": found.packages if as_json else f"{len(found.packages)} (see --json)",
    }
    print_facts(facts, as_json)


def fetch(
    version: VersionName,
    artifact: Annotated[str, typer.Argument(help="product, posterior, features, clean, snapshot, scores, drift, …")],
    to: Annotated[
        Path | None, typer.Option(help="File to write; named after version and artifact if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download an artifact of a version, verified against its digest."""
    from posterity.registry import versions as registry
    from posterity.store import Reference

    store = the_store()
    found = registry.get(store, version)
    if artifact not in found.references:
        raise NotFoundError(f"{found.label} has no artifact {artifact!r}; it has {', '.join(found.references)}")
    reference = found.references[artifact]
    if artifact == "product":
        from posterity.data.product import load_product

        facts = load_product(store, reference).facts
        reference = Reference(
            f"{reference.key.rpartition('/')[0]}/predictions.parquet", facts.predictions_sha256, "predictions"
        )
    target = to or Path(f"{found.model}-{found.number}-{artifact}{Path(reference.key).suffix}")
    target.write_bytes(reference.fetch(store))
    print_path(target, as_json, version=found.label, artifact=artifact, sha256=reference.sha256)


def mirror(
    model: Annotated[str, typer.Argument(help="A model; all of them if not given.")] = "",
    as_json: Json = False,
) -> None:
    """Bring MLflow up to date with the store: versions that it lacks, and where aliases point now.

    After it was away, lost its database, or was exchanged for another. Runs do this for their own model.
    """
    from posterity.registry import tracking
    from posterity.registry import versions as registry

    store, settings = the_store(), Settings.from_environment()
    rows: list[dict[str, object]] = []
    for name in [known(model)] if model else registry.models(store):
        newest = registry.get(store, name)
        if not tracking.mirror(store, settings, newest):
            raise UnavailableError(
                f"the registry {settings.registry} did not take {newest.label}; see to it, then retry"
            )
        rows.append({"model": name, "versions": newest.number, "registry": settings.registry})
    print_rows(rows, as_json, empty="no version yet; `posterity run MODEL` makes one")


@baseline.command(
    epilog='Examples:\n\n  posterity baseline verify flights/3 --reason "checked against the March report"'
)
def verify(version: VersionName, reason: Reason = "", as_json: Json = False) -> None:
    """Vouch for a version: from now on, runs of its model are compared with it."""
    move(version, "baseline", reason, as_json)


def move(name: str, alias: str, reason: str, as_json: bool) -> None:
    """Move a pointer in the name of whoever acts, and say so."""
    from posterity.registry import aliases, tracking
    from posterity.registry import versions as registry
    from posterity.registry.identity import who

    store = the_store()
    version = registry.get(store, name)
    move = aliases.move(store, version.model, alias, version.number, who(), reason)
    tracking.mirror(store, Settings.from_environment(), version)
    if as_json:
        print_json({"model": version.model, **asdict(move)})
    else:
        text = f"{alias} of {version.model} is version {version.number} ({move.who}: {move.why})"
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def known(model: str) -> str:
    """`model`, if it has versions. Raises NotFoundError naming those that have."""
    from posterity.registry import versions as registry

    return registry.get(the_store(), model).model


def _row(version: Version) -> dict[str, object]:
    return {
        "version": version.label,
        "as of": version.as_of,
        "valid": f"{version.valid_from} to {version.valid_until}",
        "gate": version.gate,
        "drift": version.drift,
        "run": version.run,
    }


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--tag {text!r} is not of the form name=value")
    return name, value
