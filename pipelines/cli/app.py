"""The command's frame: subcommands, errors, exit codes."""

import os
import sys

import typer
from rich.console import Console

from pipelines.cli import data, exchange, look, registry, run, work
from posterity.errors import PosterityError

EPILOG = """Exit codes: 0 done · 1 unexpected error · 2 wrong usage · 3 input refused, do not retry ·
4 posterior has not converged · 5 stored bytes are damaged · 75 store or registry away, retry."""

app = typer.Typer(
    name="posterity",
    help="Run probabilistic models in production: from raw data to a registered, converged data product.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for group in (run, look, registry, exchange, work):
    group.attach(app)
app.add_typer(data.data, name="data")
app.add_typer(data.features, name="features")
app.add_typer(registry.baseline, name="baseline")


def main() -> None:
    """Entry point: one line and a documented exit code for every error raised on purpose."""
    try:
        app()
    except PosterityError as error:
        if os.environ.get("POSTERITY_LOG_LEVEL") == "DEBUG":
            raise
        Console(stderr=True, soft_wrap=True).print(f"[bold red]{type(error).__name__}[/]: ", end="")
        Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(str(error))
        sys.exit(error.exit_code)
