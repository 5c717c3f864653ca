"""Record what an unmodified script computes: `python -m posterity.parity.record [--map FILE] OUT script.py [args…]`.

The map is a JSON file with an entry `variables`: stage → variable, for the stages raw, clean, features, posterior
and predictions. `NAME` is the variable at the end of the script (or, for a local variable of a function, where it
was bound last); `NAME#2` is the value right after the second statement of the file that binds NAME, for variables
that are used again for something else. Without a map, the variables are taken to have the names of the stages.

OUT gets a Parquet file per table, `posterior.npz` (parameter → array of shape (chains, draws, *shape)) and
`record.json`: what was recorded, the script's SHA-256, the versions of its packages, its seconds, and how it ended.

This file imports nothing of Posterity, so that a copy of it runs in the environment of the old script.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import hashlib
import json
import os
import platform
import sys
import time
import traceback
import types
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

STAGES = ("raw", "clean", "features", "posterior", "predictions")
TAP = "__posterity_tap__"


class Recorder:
    """Writes the values of named variables into `folder` as they come, the latest value of a stage last."""

    def __init__(self, folder: Path, script: Path, arguments: Sequence[str], names: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.process = os.getpid()
        self.started = time.time()
        self.variables: Mapping[str, str] = names["variables"]
        self.facts: dict[str, Any] = {
            "script": script.name,
            "sha256": hashlib.sha256(script.read_bytes()).hexdigest(),
            "arguments": list(arguments),
            "python": platform.python_version(),
            "ended": "by being killed, if it does not run any more",
            "stages": {},
            "missing": {},
            "map": dict(names),
        }
        self.save()

    def save(self) -> None:
        """Write `record.json` as far as it is known."""
        self.facts["seconds"] = round(time.time() - self.started, 3)
        staged = self.folder / "record.json.new"
        staged.write_text(json.dumps(self.facts, indent=1) + "\n")
        staged.replace(self.folder / "record.json")

    def tap(self, stage: str, value: Any) -> None:
        """Record `value`; whatever is wrong with it is noted and never disturbs the script."""
        if os.getpid() != self.process:
            return
        try:
            kept = _write(self.folder, stage, value)
        except Exception as error:
            self.facts["missing"][stage] = f"{self.variables[stage]} cannot be recorded: {error}"
        else:
            self.facts["stages"][stage] = {"variable": self.variables[stage], **kept}
            self.facts["missing"].pop(stage, None)
        self.save()

    def finish(self, namespace: Mapping[str, Any], ended: str) -> None:
        """Record what the module's variables hold at the end, and how the script ended."""
        for stage, variable in self.variables.items():
            if "#" not in variable and variable in namespace:
                self.tap(stage, namespace[variable])
            elif stage not in self.facts["stages"]:
                self.facts["missing"].setdefault(stage, f"the script never bound {variable}")
        self.facts["ended"] = ended
        self.facts["packages"] = _versions()
        self.save()


def record(folder: Path, script: Path, arguments: Sequence[str], names: Mapping[str, Any]) -> int:
    """Run `script` as `python script.py args…` would and record the variables of `names`; returns its exit status.

    A script that fails leaves its traceback on stderr and everything that was recorded until then.
    """
    recorder = Recorder(folder, script, arguments, names)
    code = compile(_tapped(script, recorder.variables), str(script), "exec")
    main = types.ModuleType("__main__")
    main.__dict__.update({"__file__": str(script), "__builtins__": builtins})
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.resolve().parent)
    sys.modules["__main__"] = main
    setattr(builtins, TAP, recorder.tap)
    status, ended = 0, "at its end"
    try:
        exec(code, main.__dict__)  # noqa: S102
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        ended = "at its end" if status == 0 else f"with exit status {status}"
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
    except BaseException as error:
        traceback.print_exc()
        status, ended = 1, f"with {type(error).__name__}: {error}"
    recorder.finish(vars(main), ended)
    return status


def _tapped(script: Path, variables: Mapping[str, str]) -> ast.Module:
    """The script's syntax tree with a call after each statement whose binding is to be recorded."""
    tree = ast.parse(script.read_bytes(), str(script))
    _insert(tree, variables, Counter(), inside=False)
    return ast.fix_missing_locations(tree)


def _insert(node: ast.AST, variables: Mapping[str, str], bound: Counter[str], *, inside: bool) -> None:
    """Tap what the statements below `node` bind, in the order of the file; inside: of a function."""
    inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    for field in ("body", "handlers", "orelse", "finalbody"):
        found = getattr(node, field, None)
        if not isinstance(found, list):
            continue
        statements: list[ast.AST] = []
        for statement in found:
            taps = list(_taps(statement, variables, bound, inside=inside))
            _insert(statement, variables, bound, inside=inside)
            if isinstance(statement, (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)):
                statement.body[:0] = taps
                taps = []
            statements += [statement, *taps]
        setattr(node, field, statements)


def _taps(statement: ast.AST, variables: Mapping[str, str], bound: Counter[str], *, inside: bool) -> Iterator[ast.stmt]:
    """The calls that record what one statement binds itself."""
    names = {name for target in _targets(statement) for name in _bound_names(target)}
    bound.update(names)
    for stage, variable in variables.items():
        name, _, number = variable.partition("#")
        if name in names and (bound[name] == int(number) if number else inside):
            call = ast.Call(ast.Name(TAP, ast.Load()), [ast.Constant(stage), ast.Name(name, ast.Load())], [])
            yield ast.copy_location(ast.Expr(call), statement)


def _targets(statement: ast.AST) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor)):
        return [statement.target] if getattr(statement, "value", True) else []
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return [item.optional_vars for item in statement.items if item.optional_vars]
    return []


def _bound_names(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _write(folder: Path, stage: str, value: Any) -> dict[str, Any]:
    """Write one value; returns what `record.json` says of it."""
    if stage == "posterior":
        return _write_draws(folder, *draws_of(value))
    frame = _frame(value)
    path = folder / f"{stage}.parquet"
    frame.to_parquet(path, index=False)
    return {"file": path.name, "sha256": _digest(path), "rows": len(frame), "columns": len(frame.columns)}


def _frame(value: Any) -> Any:
    """A table as a DataFrame whose named index levels are columns."""
    import pandas as pd

    frame = value.to_pandas() if hasattr(value, "to_pandas") and not isinstance(value, pd.Series) else value
    frame = frame.to_frame() if isinstance(frame, pd.Series) else frame
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"it is a {type(value).__name__}, not a table")
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame


def draws_of(value: Any) -> tuple[dict[str, Any], dict[str, list[str]], dict[str, list[str]]]:
    """Arrays of shape (chains, draws, *shape), the names of their further axes, and the labels of those axes."""
    import numpy as np

    dataset = getattr(value, "posterior", value)
    if isinstance(dataset, Mapping) and not hasattr(dataset, "data_vars"):
        arrays = {str(name): np.asarray(array) for name, array in dataset.items()}
        if short := [name for name, array in arrays.items() if array.ndim < 2]:
            raise TypeError(f"{short[0]} needs the axes (chains, draws, …)")
        return arrays, {}, {}
    if not hasattr(dataset, "data_vars"):
        raise TypeError(f"it is a {type(value).__name__}, no InferenceData or dict of arrays (chains, draws, …)")
    found = {str(name): array.transpose("chain", "draw", ...) for name, array in dataset.data_vars.items()}
    dims = {name: [str(axis) for axis in array.dims[2:]] for name, array in found.items()}
    axes = sorted({axis for names in dims.values() for axis in names if axis in dataset.coords})
    coords = {axis: [str(label) for label in dataset.coords[axis].values] for axis in axes}
    return {name: np.asarray(array.values) for name, array in found.items()}, dims, coords


def _write_draws(
    folder: Path, arrays: Mapping[str, Any], dims: Mapping[str, list[str]], coords: Mapping[str, list[str]]
) -> dict[str, Any]:
    import numpy as np

    path = folder / "posterior.npz"
    np.savez(path, **arrays)
    chains, draws = next(iter(arrays.values())).shape[:2]
    facts = {"file": path.name, "sha256": _digest(path), "chains": chains, "draws": draws}
    return {**facts, "dims": dict(dims), "coords": dict(coords)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _versions() -> dict[str, str]:
    """Version of every installed distribution of which a module has been imported."""
    from importlib.metadata import packages_distributions, version

    loaded = {name.partition(".")[0] for name in sys.modules}
    names = {name for module, found in packages_distributions().items() if module in loaded for name in found}
    return {name: version(name) for name in sorted(names)}


def _read_map(path: str) -> Mapping[str, Any]:
    """The map file. Raises ArgumentTypeError saying what is wrong with it."""
    try:
        names: dict[str, Any] = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error}") from error
    variables = names.get("variables") if isinstance(names, dict) else None
    if not isinstance(variables, dict) or not set(variables) <= set(STAGES):
        raise argparse.ArgumentTypeError(f'{path} needs an entry "variables": stages of {", ".join(STAGES)} → names')
    if wrong := [name for name in variables.values() if not _is_variable(name)]:
        raise argparse.ArgumentTypeError(f"{path}: {wrong[0]!r} is neither NAME nor NAME#number")
    return names


def _is_variable(text: object) -> bool:
    name, sign, number = str(text).partition("#")
    return name.isidentifier() and (number.isdecimal() and int(number) > 0 if sign else True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the script's exit status."""
    parser = argparse.ArgumentParser("python -m posterity.parity.record", description="Record variables of a script.")
    parser.add_argument("--map", type=_read_map, default={"variables": {stage: stage for stage in STAGES}})
    parser.add_argument("out", type=Path, help="folder for what is recorded")
    parser.add_argument("script", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the script")
    given = parser.parse_args(argv)
    if not given.script.is_file():
        parser.error(f"{given.script}: no such script")
    if (given.out / "record.json").exists():
        parser.error(f"{given.out} holds a record already; name another folder")
    return record(given.out, given.script, given.arguments, given.map)


if __name__ == "__main__":
    sys.exit(main())
