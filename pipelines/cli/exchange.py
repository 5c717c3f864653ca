"""What goes out to a cluster or comes in from a monolith: `compile`, `compare`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.shared import (
    CompileSetting,
    Image,
    Json,
    SampleImage,
    console,
    print_json,
    print_path,
    print_rows,
    the_store,
)
from posterity.errors import RefusedError, SettingsError

COMPARE = """Examples:

  posterity compare predictions.csv flights@champion

  posterity compare legacy/out flights-2013-03-31-a1b2c3 --map parity.json --picture parity.svg"""


COMPILE = """Examples:

  posterity compile

  posterity compile --image registry.example.org/posterity/stage:1a2b3c --settings cluster.yaml --out flights.yaml

  posterity compile --settings parallelism=8 --settings sample.node_selector='{pool: spot}' --out flights.yaml

  posterity compile --pipeline staging --image posterity/stage:1a2b3c --out staging.yaml

  posterity compile --manifest --image posterity/stage:1a2b3c --out pipeline.yaml"""


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("compile", epilog=COMPILE)(compile_)
    app.command(epilog=COMPARE)(compare)


def compile_(
    image: Image = "",
    sample_image: SampleImage = "",
    settings: CompileSetting = None,
    out: Annotated[Path | None, typer.Option(help="File to write; those in pipelines/ if not given.")] = None,
    pipeline: Annotated[
        str, typer.Option(help="experiment, staging or production: what --out is to hold.")
    ] = "experiment",
    as_manifest: Annotated[
        bool, typer.Option("--manifest", help="Write Pipeline and PipelineVersion, for kubectl apply.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compile the pipelines to YAML: the experiment, for Kubeflow Pipelines and for local runs, staging and production.

    Without options these are the committed files in pipelines/. Settings fill in images and how the pods of the stages
    run, and change nothing else; docs/settings.md lists them.
    """
    from pipelines.compile import BUILDERS, compile_all, compile_manifest, compile_pipeline
    from pipelines.compile_settings import read_settings
    from posterity.settings import Settings

    filled = read_settings(settings or [], image, sample_image)
    if pipeline not in BUILDERS:
        raise SettingsError(f"--pipeline {pipeline!r} is none of {', '.join(BUILDERS)}")
    if out is None and (image or sample_image or settings or as_manifest or pipeline != "experiment"):
        raise SettingsError("give --out FILE: the files in pipelines/ have default settings")
    if out is None:
        for path in compile_all():
            print_path(path, as_json)
    elif as_manifest:
        print_path(compile_manifest(out, pipeline, filled, Settings.from_environment().namespace), as_json)
    else:
        print_path(compile_pipeline(out, pipeline, filled), as_json)


def compare(
    legacy: Annotated[Path, typer.Argument(help="Final table, or folder with what is left, of a run of the script.")],
    run: Annotated[str, typer.Argument(help="A run, or a version: model/number, model@alias, model.")],
    names: Annotated[Path | None, typer.Option("--map", help="JSON file: what is called what.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the comparison into this .svg or .png file.")] = None,
    level: Annotated[float, typer.Option(min=0.0, max=0.5, help="Chance of a false finding in a stage.")] = 0.01,
    as_json: Json = False,
) -> None:
    """Hold a script's run against a run of the pipeline, stage by stage. Exit code 3 when they part.

    Tables are compared to the bit, posterior and predictions within Monte Carlo error; what is not there is listed.
    """
    from pipelines.parity import load_pipeline_run
    from posterity.parity import compare_with

    if picture and picture.suffix not in {".svg", ".png"}:
        raise SettingsError(f"--picture {picture} is neither .svg nor .png")
    report = compare_with(legacy, load_pipeline_run(the_store(), run), names, level)
    if picture:
        from posterity.parity import picture as draw

        picture.write_bytes(draw(report, picture.suffix[1:]))
    if as_json:
        print_json(json.loads(report.to_json()) | {"verdict": report.verdict, "parts_at": report.parts_at})
    else:
        columns = ("stage", "verdict", "method", "what was found")
        print_rows([dict(zip(columns, row, strict=True)) for row in report.rows()], False)
        console.print(report.summary, soft_wrap=True, highlight=False, markup=False)
    if report.verdict != "equal":
        raise typer.Exit(RefusedError.exit_code)
