"""A model's code as it was when a version was made, beside what is installed and beside other versions of it.

Versions of one model have modules of the same names. Each version keeps its own; they are in `sys.modules`, and its
files on the path, only while its code runs.
"""

import importlib
import io
import shutil
import sys
import tempfile
import threading
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from posterity.errors import ModelError
from posterity.model.contract import Model

_RUNNING = threading.RLock()  # there is one sys.modules


class IsolatedModel:
    """The model in an archive made by `posterity.model.source`. Raises ModelError when it cannot be imported."""

    def __init__(self, archive: bytes, model_class: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="posterity-code-")
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(archive)) as file:
            file.extractall(self._folder)
            self._tops = {Path(name).parts[0].removesuffix(".py") for name in file.namelist()}
        self._modules: dict[str, ModuleType] = {}
        self._hidden: list[str] = []
        self._looked_at = -1
        module, _, name = model_class.partition(":")
        with self.active():
            importlib.invalidate_caches()
            try:
                self.model: Model = getattr(importlib.import_module(module), name)()
            except Exception as error:
                raise ModelError(
                    f"model {model_class} cannot be imported here: {type(error).__name__}: {error}"
                ) from error

    @contextmanager
    def active(self) -> Iterator[None]:
        """While this lasts, imports find this version's modules. One version at a time."""
        with _RUNNING:
            if len(sys.modules) != self._looked_at:  # a look through all of them takes a millisecond
                self._hidden = self._loaded()
            before = {name: sys.modules.pop(name) for name in self._hidden}
            sys.modules.update(self._modules)
            sys.path.insert(0, self._folder)
            count = len(sys.modules)
            try:
                yield
            finally:
                sys.path.remove(self._folder)
                if len(sys.modules) != count:
                    self._modules = {name: sys.modules[name] for name in self._loaded()}
                for name in self._modules:
                    sys.modules.pop(name, None)
                sys.modules.update(before)
                self._looked_at = len(sys.modules)

    def _loaded(self) -> list[str]:
        """The modules in `sys.modules` that have names of this version's packages."""
        return [name for name in sys.modules if name.partition(".")[0] in self._tops]
