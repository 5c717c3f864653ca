"""The command's frame: subcommands, errors, exit codes."""

import os
import sys

import typer

from pipelines.cli import cluster, comparison, data, demo, exchange, look, registry, release, run, serving, tables, work
from pipelines.cli.shared import messages
from pipelines.kubeflow.identity import user
from posterity.errors import PosterityError, SettingsError
from posterity.registry import identity

EPILOG = """Exit codes: 0 done · 1 unexpected error · 2 wrong usage · 3 input refused, do not retry · \
4 posterior has not converged, more draws or another model · 5 stored bytes are damaged · \
75 store or registry away or stage killed, retry · 130 stopped by hand."""

app = typer.Typer(
    name="posterity",
    help="Run probabilistic models in production: from raw data to a registered, converged data product.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for group in (run, cluster, demo, look, registry, release, serving, tables, exchange, comparison, work, data):
    group.attach(app)
app.add_typer(data.data, name="data")
app.add_typer(data.features, name="features")
app.add_typer(registry.baseline, name="baseline")
app.add_typer(release.rollback, name="rollback")


def main() -> None:
    """Entry point: one line and a documented exit code for every error raised on purpose."""
    if user not in identity.sources:
        identity.sources.append(user)
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has enough
    except Exception as error:
        if os.environ.get("POSTERITY_LOG_LEVEL") == "DEBUG":
            raise
        known = _as_ours(error)
        messages.print(f"[bold red]{type(known).__name__}[/]: ", end="")
        messages.print(str(known), markup=False, highlight=False, soft_wrap=True)
        sys.exit(known.exit_code)


def _as_ours(error: Exception) -> PosterityError:
    """An error in one line with an exit code; what nobody raised on purpose says how to see its trace."""
    if isinstance(error, PosterityError):
        return error
    if isinstance(error, OSError) and error.filename:
        return SettingsError(f"{error.filename} cannot be used ({error.strerror}); check path and rights")
    return PosterityError(f"{type(error).__name__}: {error}; POSTERITY_LOG_LEVEL=DEBUG shows where it was raised")
