"""Which code a part of a model consists of, as a digest.

The digest of a method covers its syntax tree and, recursively, every function, class and constant of the model's
own package that it names. Comments, docstrings and layout do not count, nor do other methods, so that a changed
prior runs `plan` again but not `engineer_features`. Installed libraries are not followed: plans record versions.
"""

import ast
import copy
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from posterity.model.contract import Model
from posterity.store.digest import digest_json

CONTRACT = "posterity"


def definition_digest(model: Model, names: Iterable[str]) -> str:
    """SHA-256 of the code behind the attributes `names` (methods or class variables) of `model`."""
    collector = _Collector(type(model))
    for name in names:
        collector.member(name)
    return digest_json(collector.seen)


def module_digest(name: str) -> str:
    """SHA-256 of the code of a module and of the modules of its own package that it imports, at any depth."""
    return digest_json({module: ast.dump(_bare(_tree(path))) for module, path in modules_behind(name).items()})


def modules_behind(name: str) -> dict[str, Path]:
    """The module `name` and, at any depth, those it imports from its own package or folder: name → source file."""
    top, home = name.split(".")[0], _find(name)
    found: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        path = _find(module)
        if module not in found and path and home and (module.split(".")[0] == top or path.is_relative_to(home.parent)):
            found[module] = path
            waiting += _imports(_tree(path), module, path)
    return found


class _Collector:
    """Walks from names to definitions; `seen` maps `module:name` to the dump of its syntax tree."""

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.seen: dict[str, str] = {}

    def member(self, name: str) -> None:
        """Follow an attribute of the model to the class that defines it."""
        for owner in self.model.__mro__:
            if name in vars(owner):
                if owner.__module__.split(".")[0] != CONTRACT:
                    self._member_of(owner, name)
                return

    def _member_of(self, owner: type, name: str) -> None:
        path = Path(sys.modules[owner.__module__].__file__ or "")
        body = _find_class(_tree(path), owner.__name__).body
        for node in body:
            if name in _defined(node):
                self._visit(f"{owner.__module__}:{owner.__name__}.{name}", node, owner.__module__)

    def _visit(self, label: str, node: ast.AST, module: str) -> None:
        if label in self.seen:
            return
        self.seen[label] = ast.dump(_bare(node))
        imported = _imported_names(node, module)
        for name in _names(node):
            if name in imported:
                self._global(*imported[name])
            else:
                self._global(module, name)
        for name in _self_attributes(node):
            self.member(name)

    def _global(self, module: str, name: str) -> None:
        """Follow a module-level name of the model's own package."""
        path = _find(module)
        if not path or not self._is_ours(module):
            return
        tree = _tree(path)
        imported = _imported_names(tree, module, nested=False)
        if name == "*":
            self.seen[f"{module}:*"] = ast.dump(_bare(tree))
        elif name in imported:
            self._global(*imported[name])
        else:
            for node in tree.body:
                if name in _defined(node):
                    self._visit(f"{module}:{name}", node, module)

    def _is_ours(self, module: str) -> bool:
        if module.split(".")[0] in {CONTRACT, *sys.stdlib_module_names}:
            return False
        home = Path(sys.modules[self.model.__module__].__file__ or "").parent
        path = _find(module)
        same_package = module.split(".")[0] == self.model.__module__.split(".")[0]
        return path is not None and (same_package or home in path.parents)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _find(module: str) -> Path | None:
    """The source file of a module, found without importing it or its parents."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top) if top and top not in sys.stdlib_module_names else None
    if not spec or not spec.origin:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin.endswith(".py") else None
    base = Path(spec.origin).parent.joinpath(*rest)
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if spec.submodule_search_locations and path.is_file()), None)


def _find_class(tree: ast.Module, name: str) -> ast.ClassDef:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name)


def _bare(node: ast.AST) -> ast.AST:
    """A copy without docstrings and other bare constants."""
    bare = copy.deepcopy(node)
    for part in ast.walk(bare):
        body = getattr(part, "body", None)
        if isinstance(body, list):
            body[:] = [item for item in body if not _is_text(item)]
    return bare


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _defined(node: ast.AST) -> set[str]:
    """The names that a statement of a module or class body defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}


def _names(node: ast.AST) -> Iterator[str]:
    yield from {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _self_attributes(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in {"self", "cls"}:
            yield part.attr


def _imported_names(node: ast.AST, module: str, nested: bool = True) -> dict[str, tuple[str, str]]:
    """Local name → (module, name there; `*` for the module itself)."""
    found: dict[str, tuple[str, str]] = {}
    for part in ast.walk(node) if nested else ast.iter_child_nodes(node):
        if isinstance(part, ast.ImportFrom):
            source = _absolute(part, module)
            for alias in part.names:
                is_module = _find(f"{source}.{alias.name}") is not None
                target = (f"{source}.{alias.name}", "*") if is_module else (source, alias.name)
                found[alias.asname or alias.name] = target
        elif isinstance(part, ast.Import):
            for alias in part.names:
                found[alias.asname or alias.name.split(".")[0]] = (alias.name, "*")
    return found


def _imports(tree: ast.Module, module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for source, name in _imported_names(tree, f"{package}.x").values():
        yield source
        yield f"{source}.{name}" if name != "*" else source


def _absolute(node: ast.ImportFrom, module: str) -> str:
    if not node.level:
        return node.module or ""
    base = module.split(".")[: -node.level]
    return ".".join([*base, *([node.module] if node.module else [])])
