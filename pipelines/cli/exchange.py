"""What goes out to a cluster or comes in from a monolith: `compile`, `compare`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.shared import Json, console, print_json, print_rows


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("compile", epilog="Examples:\n\n  posterity compile\n\n  posterity compile --to experiment.yaml")(
        compile_pipeline
    )


def compile_pipeline(
    to: Annotated[Path | None, typer.Option(help="File to write; pipelines/experiment.yaml if not given.")] = None,
) -> None:
    """Compile the experiment pipeline to YAML for Kubeflow Pipelines and for local runs."""
    from pipelines.compile import COMPILED, compile_experiment

    console.print(str(compile_experiment(to or COMPILED)), soft_wrap=True, highlight=False)


_ = (Json, print_json, print_rows)
