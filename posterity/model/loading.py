"""Find a model by name or by file."""

import importlib
import importlib.util
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from posterity.errors import ModelError
from posterity.model.contract import MCMCModel, Model, MonteCarloModel

GROUP = "posterity.models"


def installed_models() -> list[str]:
    """Names of the models that installed packages offer (entry-point group `posterity.models`)."""
    return sorted(entry_points(group=GROUP).names)


def load_model(spec: str) -> Model:
    """The model `spec`: the name of an installed one, or `path/file.py:Class`.

    Raises ModelError naming what cannot be found, imported or is no model.
    """
    found = _from_file(spec) if ".py:" in spec else _from_entry_point(spec)
    if not (isinstance(found, type) and issubclass(found, MCMCModel | MonteCarloModel)):
        raise ModelError(f"{spec} is {found!r}, not a model; derive its class from MCMCModel or MonteCarloModel")
    _check_declarations(spec, found)
    return found()


def absolute_spec(spec: str) -> str:
    """`spec` with an absolute path, so that a process elsewhere finds the same file."""
    path, colon, name = spec.rpartition(":")
    return f"{Path(path).resolve()}{colon}{name}" if path.endswith(".py") else spec


def _from_entry_point(name: str) -> Any:
    matches = entry_points(group=GROUP, name=name)
    if not matches:
        known = ", ".join(installed_models()) or "none"
        raise ModelError(f"no model named {name!r} is installed (there are: {known}); or give path/file.py:Class")
    try:
        return next(iter(matches)).load()
    except Exception as error:
        raise ModelError(f"model {name!r} cannot be imported: {type(error).__name__}: {error}") from error


def _from_file(spec: str) -> Any:
    location, _, name = spec.rpartition(":")
    path = Path(location).resolve()
    if not path.is_file():
        raise ModelError(f"{location} does not exist; a model outside packages is given as path/file.py:Class")
    try:
        module = _import_file(path)
    except Exception as error:
        raise ModelError(f"{location} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise ModelError(f"{location} has no class {name!r}")
    return getattr(module, name)


def _import_file(path: Path) -> ModuleType:
    """Import `path` under its dotted name, from the folder above its outermost package."""
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").exists():
        parts.insert(0, root.name)
        root = root.parent
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    loaded = sys.modules.get(".".join(parts))
    if loaded and Path(loaded.__file__ or "") != path:
        raise ImportError(f"the name {'.'.join(parts)} is taken by {loaded.__file__}; rename the file")
    return importlib.import_module(".".join(parts))


def _check_declarations(spec: str, model: type[Model]) -> None:
    missing = [name for name in ("name", "keys", "row_keys", "quantities") if not getattr(model, name, None)]
    abstract = sorted(getattr(model, "__abstractmethods__", ()))
    if missing or abstract:
        raise ModelError(f"{spec} does not declare {', '.join(missing + abstract)}; the model contract asks for them")
    if not 0 <= model.divergence_budget < 1:
        raise ModelError(
            f"{spec} has the divergence_budget {model.divergence_budget}; it is a share, from 0 to below 1"
        )
