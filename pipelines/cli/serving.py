"""What users get to see: `serve`, `retire`."""

import os
from dataclasses import replace
from typing import Annotated

import typer

from pipelines.cli.shared import Json, console, print_json, the_store
from posterity.errors import NotFoundError
from posterity.settings import Settings

LAST_RUN = "*@candidate"
SERVE = """Examples:

  posterity serve

  posterity serve --products "flights@champion delays/3" --listen 127.0.0.1:9000"""


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog=SERVE)(serve)
    app.command(epilog='Examples:\n\n  posterity retire flights/3 --reason "wrong units in March"')(retire)


def serve(
    products: Annotated[
        str,
        typer.Option(help="MODEL@ALIAS, MODEL/3, separated by blanks; POSTERITY_PRODUCTS or the last runs' if empty."),
    ] = "",
    listen: Annotated[str, typer.Option(help="Address and port.")] = "127.0.0.1:8080",
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with a copy of what is served.")] = 1,
    as_json: Json = False,
) -> None:
    """Serve data products over HTTP until stopped: predictions, metadata, metrics, documentation at /docs."""
    from posterity.registry import versions
    from posterity.server.process import parse_address, serve

    settings = Settings.from_environment()
    given = products or os.environ.get("POSTERITY_PRODUCTS", "") or LAST_RUN
    if not versions.models(the_store()):
        raise NotFoundError(f"no version is registered in {settings.store} yet; start with posterity run MODEL")
    host, port = parse_address(listen)
    url = f"http://{host}:{port}"
    if as_json:
        print_json({"url": url, "documentation": f"{url}/docs", "products": given})
    else:
        console.print(
            f"{given} at [bold]{url}[/], what there is to ask for at {url}/docs; Ctrl-C ends it", highlight=False
        )
    serve(replace(settings, products=given, listen=listen, server_workers=workers))


def retire(
    version: Annotated[str, typer.Argument(help="model/number, model@alias, or model for its newest version.")],
    reason: Annotated[str, typer.Option(help="Why; written to the audit log and told to whoever asks for it.")] = "",
    as_json: Json = False,
) -> None:
    """Withdraw a version for good: servers answer 410, and no alias can be moved to it. It stays in the store."""
    from posterity.registry import retirement, versions
    from posterity.registry.identity import who

    store = the_store()
    found = versions.get(store, version)
    entry = retirement.retire(store, found.model, found.number, who(), reason)
    if as_json:
        print_json({"version": found.label, "who": entry.who, "when": entry.when, "why": entry.why})
    else:
        text = f"{found.label} is withdrawn ({entry.who}: {entry.why})"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
