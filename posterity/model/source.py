"""A model's own source files, kept with every plan so that a version can be run again as it was."""

import io
import sys
import zipfile
from pathlib import Path

from posterity.errors import CorruptError
from posterity.model.contract import Model
from posterity.model.definition import modules_behind

EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed time, so that equal sources give equal archives


def archive(model: Model) -> bytes:
    """A zip archive of the modules that `model` consists of, the same bytes for the same sources."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, path in sorted(_files(model).items()):
            file.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes())
    return buffer.getvalue()


def unpack(data: bytes, folder: Path, model_class: str) -> str:
    """Unpack an archive below `folder`; returns the specification `path/file.py:Class` of `module:Class`.

    Raises CorruptError when it is none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            file.extractall(folder)
    except zipfile.BadZipFile as error:
        raise CorruptError(f"the stored code of {model_class} is no archive ({error}); register it anew") from error
    module, _, name = model_class.partition(":")
    return f"{folder / Path(*module.split('.'))}.py:{name}"


def class_name(model: Model) -> str:
    """`module:Class` of a model."""
    return f"{type(model).__module__}:{type(model).__qualname__}"


def _files(model: Model) -> dict[str, Path]:
    """Name in the archive → file, for the model's modules and the packages they are in."""
    files = {}
    for module, path in modules_behind(type(model).__module__).items():
        parts = module.split(".")
        is_package = path.name == "__init__.py"
        files["/".join(parts) + ("/__init__.py" if is_package else ".py")] = path
        for depth in range(1, len(parts) + is_package):
            package = sys.modules.get(".".join(parts[:depth]))
            if package and package.__file__:
                files["/".join([*parts[:depth], "__init__.py"])] = Path(package.__file__)
    return files
