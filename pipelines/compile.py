"""Compile the pipelines to YAML: those beside this file are committed, and a test fails when one of them is stale."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from kfp import compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions

from pipelines import experiment, release
from pipelines.compile_settings import CompileSettings
from posterity.errors import SettingsError

COMPILED = Path(__file__).with_name("experiment.yaml")
DEFAULTS = CompileSettings()
BUILDERS = {"experiment": experiment.build, "staging": release.build_staging, "production": release.build_production}


def compile_all(folder: Path = COMPILED.parent, settings: CompileSettings = DEFAULTS) -> list[Path]:
    """Write every compiled pipeline to `folder`, under its name."""
    return [compile_pipeline(folder / f"{name}.yaml", name, settings) for name in BUILDERS]


def compile_pipeline(path: Path, name: str = "experiment", settings: CompileSettings = DEFAULTS) -> Path:
    """Write the compiled pipeline `name` to `path` (.yaml), whole or not at all."""
    return _replace(path, _compiled(BUILDERS[name](settings)))


def versions(settings: CompileSettings = DEFAULTS) -> dict[str, tuple[str, str]]:
    """Name of each pipeline at Kubeflow Pipelines → the name of its version, by its content, and its text."""
    built = [build(settings) for build in BUILDERS.values()]
    texts = {pipeline.name: _compiled(pipeline) for pipeline in built}
    return {name: (version_name(name, text), text) for name, text in texts.items()}


def compile_manifest(path: Path, name: str, settings: CompileSettings, namespace: str) -> Path:
    """Write `Pipeline` and `PipelineVersion`, for API servers that keep pipelines as resources of Kubernetes.

    The version is called by its content: the same pipeline compiled again is the same version.
    """
    pipeline = BUILDERS[name](settings)
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
    print(*compile_all(), sep="\n")
