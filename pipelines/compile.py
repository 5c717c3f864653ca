"""Compile the pipelines to YAML: `experiment.yaml` beside this file is committed, and a test fails when it is stale."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from kfp import compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions

from pipelines.compile_settings import CompileSettings
from pipelines.experiment import build
from posterity.errors import SettingsError

COMPILED = Path(__file__).with_name("experiment.yaml")
DEFAULTS = CompileSettings()


def compile_experiment(path: Path = COMPILED, settings: CompileSettings = DEFAULTS) -> Path:
    """Write the compiled experiment pipeline to `path` (.yaml), whole or not at all."""
    return _replace(path, experiment_yaml(settings))


def experiment_yaml(settings: CompileSettings = DEFAULTS) -> str:
    """The compiled experiment pipeline."""
    return _compiled(build(settings))


def compile_manifest(path: Path, settings: CompileSettings, namespace: str) -> Path:
    """Write `Pipeline` and `PipelineVersion`, for API servers that keep pipelines as resources of Kubernetes.

    The version is called by its content: the same pipeline compiled again is the same version.
    """
    pipeline = build(settings)
    options = KubernetesManifestOptions(
        pipeline_name=pipeline.name,
        pipeline_version_name=version_name(pipeline.name, _compiled(pipeline)),
        namespace=namespace,
        include_pipeline_manifest=True,
    )
    keywords = {"kubernetes_manifest_format": True, "kubernetes_manifest_options": options}
    return _replace(path, _compiled(pipeline, **keywords))


def version_name(pipeline: str, text: str) -> str:
    """The name of a pipeline version, by its content."""
    return f"{pipeline}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _compiled(pipeline: Any, **keywords: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(fresh), **keywords)
        return fresh.read_text()


def _replace(path: Path, text: str) -> Path:
    if path.suffix not in {".yaml", ".yml"}:
        raise SettingsError(f"{path} is to hold YAML; let its name end with .yaml")
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)
    return path


if __name__ == "__main__":
    print(compile_experiment())
