"""The path into production and back: `promote`, `approve`, `acknowledge`, `rollback`, `history`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.registry import Reason, VersionName, known, move
from pipelines.cli.shared import Json, console, print_json, print_rows, the_store
from posterity.errors import RefusedError, SettingsError
from posterity.registry import versions
from posterity.registry.aliases import Move
from posterity.registry.versions import Version
from posterity.settings import Settings
from posterity.store import ObjectStore

if TYPE_CHECKING:
    from posterity.release.staging import Trial

ModelName = Annotated[str, typer.Argument(help="A model with registered versions.")]
PROMOTE = """Examples:

  posterity promote flights/3 staging

  posterity promote flights/3

  posterity promote flights/3 challenger --reason "to be compared with flights/2"
"""

rollback = typer.Typer(name="rollback", help="Go back: to an earlier table, or to earlier code.", no_args_is_help=True)


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog=PROMOTE)(promote)
    app.command(
        epilog='Examples:\n\n  posterity approve flights/3 --reason "report and difference are in order"\n\n'
        '  posterity approve flights/3 --override --reason "worse in one month, and the old source is gone"'
    )(approve)
    app.command(epilog='Examples:\n\n  posterity acknowledge flights/3 --reason "a strike in June"')(acknowledge)
    app.command(epilog="Examples:\n\n  posterity pins\n\n  posterity pins --json")(pins)
    app.command(epilog="Examples:\n\n  posterity history flights\n\n  posterity history flights --all --json")(history)


def promote(
    version: VersionName,
    alias: Annotated[str, typer.Argument(help="champion, staging, challenger or candidate.")] = "champion",
    reason: Annotated[str, typer.Option(help="Why, for candidate and challenger; written to the audit log.")] = "",
    server_image: Annotated[
        str, typer.Option(help="Image of the server to try it with in staging, on a cluster; the one that runs if not.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Take a version a step further: try it in staging, or put it into production if all it needs is there.

    For production it must have passed staging, gate and checks, and be a refresh on new data alone or approved
    (posterity approve). Repeating it finishes what was interrupted. Exit code 3 says what is in the way. Where
    POSTERITY_API_ENDPOINT names a cluster, the staging or production pipeline does it there.
    """
    store = the_store()
    found = versions.get(store, version)
    if alias == "baseline":
        raise SettingsError("the baseline is verified, not promoted: posterity baseline verify VERSION --reason …")
    if server_image and not (alias == "staging" and _on_cluster()):
        raise SettingsError("--server-image is for staging on a cluster; what was tried there goes into production")
    if alias == "staging":
        try_in_staging(store, found, as_json, server_image)
    elif alias == "champion":
        _produce(store, found, as_json)
    else:
        if alias == "challenger":
            from posterity.release.decision import decide

            decide(store, Settings.from_environment(), found).refuse()
        move(version, alias, reason, as_json)


def approve(
    version: VersionName,
    reason: Reason = "",
    override: Annotated[
        bool, typer.Option("--override", help="Set aside the checks that failed, staging and gate excepted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Approve a version in your name, and put it into production. Nobody approves what they asked for themselves."""
    from posterity.release import approvals
    from posterity.release.decision import SETTLED, decide

    store, settings = the_store(), Settings.from_environment()
    found = versions.get(store, version)
    decision = decide(store, settings, found)
    if any(check.name in SETTLED or not override for check in decision.failed):
        decision.refuse()
    aside = [check.name for check in decision.checks if not check.passed] if override else []
    approvals.approve(store, settings, found, reason, aside)
    _produce(store, found, as_json)


def acknowledge(version: VersionName, reason: Reason = "", as_json: Json = False) -> None:
    """Write down that the drift of a version is known, so that it may go into production; the same for later versions
    that drifted no further."""
    from posterity.release import approvals

    store = the_store()
    found = versions.get(store, version)
    entry = approvals.acknowledge(store, found, reason)
    if as_json:
        print_json({"version": found.label, "who": entry.who, "why": entry.why, **entry.facts})
    else:
        _say(f"the drift of {found.label} is acknowledged ({entry.who}: {entry.why})")


@rollback.command(epilog='Examples:\n\n  posterity rollback product flights --to 2 --reason "wrong in Newark"')
def product(
    model: ModelName,
    to: Annotated[int, typer.Option(help="Number of the version; the one before, if not given.")] = 0,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Let an earlier table be in production again, in seconds. Runs go on as they are and may replace it."""
    from posterity.release.flow import back_to
    from posterity.release.production import earlier

    store = the_store()
    name, settings = known(model), Settings.from_environment()
    found = versions.get(store, f"{name}/{to}") if to else earlier(store, name)
    _say_moved(store, found, back_to(store, settings, found, reason), as_json)
    if _on_cluster() and not settings.database_url:
        from posterity.release.start import PRODUCTION

        _start(PRODUCTION, found, as_json=False)  # which brings the database after


@rollback.command("model", epilog='Examples:\n\n  posterity rollback model flights/2 --reason "the new prior is wrong"')
def rollback_model(version: VersionName, reason: Reason = "", as_json: Json = False) -> None:
    """Let all following runs of a model take the code and settings of an earlier version, whatever starts them, until
    posterity rollback release. What is in production stays."""
    from posterity.release import pins

    store = the_store()
    found = versions.get(store, version)
    entry = pins.pin(store, found, reason)
    if as_json:
        print_json({"model": found.model, "pinned": found.label, "who": entry.who, "why": entry.why})
    else:
        _say(f"runs of {found.model} take code and settings of {found.model}/{entry.number} ({entry.who}: {entry.why})")


@rollback.command(epilog='Examples:\n\n  posterity rollback release flights --reason "the prior is mended"')
def release(model: ModelName, reason: Reason = "", as_json: Json = False) -> None:
    """Let runs of a model take their own code and settings again."""
    from posterity.release import pins

    store = the_store()
    entry = pins.unpin(store, known(model), reason)
    if as_json:
        print_json({"model": known(model), "released": entry.number, "who": entry.who, "why": entry.why})
    else:
        _say(f"runs of {known(model)} take their own code and settings again ({entry.who}: {entry.why})")


def pins(as_json: Json = False) -> None:
    """Start the production pipeline for every version that the ConfigMap posterity-pins asks for and that is not in
    production yet. Such a pin, a reviewed change in Git, is the approval. The Job of `kubectl apply -k manifests/pins`
    runs it, in a pod of the cluster."""
    from components.release.rollout import Servers
    from posterity import cluster
    from posterity.release.decision import current_champion
    from posterity.release.start import PRODUCTION, start

    if not cluster.is_pod():
        raise SettingsError(
            "posterity pins runs in a pod, as an account that reads pins: kubectl apply -k manifests/pins"
        )
    store, settings = the_store(), Settings.from_environment()
    asked = [versions.get(store, label) for label in Servers("production").pins().values()]
    started = []
    for version in asked:
        champion = current_champion(store, version.model)
        if champion is None or champion.number != version.number:
            job, link = start(settings, PRODUCTION, version.label)
            started.append({"version": version.label, "job": job, "link": link})
    print_rows(started, as_json, empty="production is what posterity-pins asks for")


def history(
    model: ModelName,
    everything: Annotated[bool, typer.Option("--all", help="Every entry of the audit log instead.")] = False,
    as_json: Json = False,
) -> None:
    """What of MODEL was in production when, by whom, and why."""
    from posterity.release.history import log, periods

    rows = log(the_store(), known(model)) if everything else periods(the_store(), known(model))
    if not as_json:
        rows = [{name: _short(value) for name, value in row.items()} for row in rows]
    print_rows(rows, as_json, empty=f"no version of {model} has been in production; --all shows what else happened")


def try_in_staging(store: ObjectStore, version: Version, as_json: bool, server_image: str = "") -> None:
    """Try a version in staging, and put it into production if it needs nobody's approval. Raises RefusedError where
    staging fails."""
    if _on_cluster():
        from posterity.release.start import STAGING

        _start(STAGING, version, as_json, server_image=server_image)
        return
    trial, text = step_forward(store, version, f"staging of {version.label}")
    rows = [{"check": item.name, "passed": item.passed, "what": item.text} for item in trial.checks]
    if as_json:
        print_json({"version": version.label, "passed": trial.passed, "state": text, "checks": rows})
    else:
        print_rows(rows, False, title=version.label)
        _say(text)
    if not trial.passed:
        raise RefusedError(f"{version.label} failed in staging: {trial.summary}")


def step_forward(store: ObjectStore, version: Version, run: str) -> "tuple[Trial, str]":
    """Staging and, for a refresh that passes every check, production: how staging went, and what follows in words."""
    from posterity.release.flow import into_production, next_step, try_in_staging

    settings = Settings.from_environment()
    trial, decision = try_in_staging(store, settings, version, run)
    if not decision.allowed:
        return trial, next_step(trial, decision)
    into_production(store, settings, version)
    return trial, f"staging passed; {version.label} is in production: {decision.why}"


def _produce(store: ObjectStore, version: Version, as_json: bool) -> None:
    from posterity.release.flow import into_production, refuse_unless_allowed
    from posterity.release.start import PRODUCTION

    settings = Settings.from_environment()
    if _on_cluster():
        refuse_unless_allowed(store, settings, version)
        _start(PRODUCTION, version, as_json)
        return
    _say_moved(store, version, into_production(store, settings, version), as_json)


def _on_cluster() -> bool:
    """Whether servers are rolled out by pipelines."""
    return bool(Settings.from_environment().api_endpoint)


def _start(pipeline: str, version: Version, as_json: bool, **parameters: str) -> None:
    from posterity.release.start import start

    job, link = start(Settings.from_environment(), pipeline, version.label, **parameters)
    if as_json:
        print_json({"version": version.label, "pipeline": pipeline, "job": job, "link": link})
    else:
        _say(f"{pipeline} runs for {version.label} as {job}{f': {link}' if link else ''}")
        _say(f"how it ended: posterity history {version.model} --all")


def _say_moved(store: ObjectStore, version: Version, moved: Move, as_json: bool) -> None:
    from dataclasses import asdict

    from posterity.registry import tracking

    tracking.mirror(store, Settings.from_environment(), version)
    if as_json:
        print_json({"model": version.model, **asdict(moved)})
    else:
        _say(f"{version.label} is in production ({moved.how or 'moved'} by {moved.who}: {moved.why})")


def _short(value: Any) -> Any:
    """A time without its fractions."""
    return value[:16].replace("T", " ") if isinstance(value, str) and value[10:11] == "T" else value


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
