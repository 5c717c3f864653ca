"""The source files that are kept with a version, and the model that runs from them."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from posterity.errors import CorruptError
from posterity.model.loading import load_model
from posterity.model.source import archive, class_name, unpack
from tests.shop import SPEC


def test_the_same_sources_give_the_same_bytes_with_nothing_beside_them() -> None:
    first = archive(load_model(SPEC))
    assert archive(load_model(SPEC)) == first
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert sorted(names) == ["tests/__init__.py", "tests/shop.py"]


def test_a_package_is_kept_with_the_modules_that_the_model_imports() -> None:
    names = zipfile.ZipFile(io.BytesIO(archive(load_model("flights")))).namelist()
    assert {"models/__init__.py", "models/flights/__init__.py", "models/flights/model.py"} <= set(names)
    assert not [name for name in names if name.startswith("posterity/")]


def test_an_unpacked_model_is_the_same_model_in_a_process_without_the_original(tmp_path: Path) -> None:
    model = load_model(SPEC)
    spec = unpack(archive(model), tmp_path / "code", class_name(model))
    code = (
        "import sys; from posterity.model.loading import load_model; from posterity.model.source import archive; "
        "from posterity.store import digest_bytes; m = load_model(sys.argv[1]); "
        "print(sys.modules[type(m).__module__].__file__, digest_bytes(archive(m)))"
    )
    done = subprocess.run([sys.executable, "-c", code, spec], cwd=tmp_path, capture_output=True, text=True, check=True)
    from posterity.store import digest_bytes

    assert done.stdout.split() == [f"{tmp_path}/code/tests/shop.py", digest_bytes(archive(model))]


def test_code_that_is_no_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match=r"the stored code of shop:Shop is no archive"):
        unpack(b"cut short", tmp_path / "code", "shop:Shop")
