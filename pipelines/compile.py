"""Compile the pipelines to YAML: `experiment.yaml` beside this file is committed, and a test fails when it is stale."""

import tempfile
from pathlib import Path

from kfp import compiler

from pipelines.experiment import experiment

COMPILED = Path(__file__).with_name("experiment.yaml")


def compile_experiment(path: Path = COMPILED) -> Path:
    """Write the compiled experiment pipeline to `path` (.yaml), whole or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "experiment.yaml"
        compiler.Compiler().compile(experiment, str(fresh))
        text = fresh.read_text()
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)
    return path


if __name__ == "__main__":
    print(compile_experiment())
