"""Two versions of one model's code beside each other, and beside what is installed."""

import importlib
import io
import sys
import zipfile
from pathlib import Path

import pytest

from posterity.errors import ModelError
from posterity.model.isolated import IsolatedModel

MODEL = """
from parcel.numbers import NUMBER

class Model:
    number = NUMBER

    def lazily(self):
        from parcel import late
        return late.NUMBER

    def outside(self):
        import json
        return json.dumps(self.number)
"""


def archive(number: int, module: str = MODEL) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("parcel/__init__.py", "")
        file.writestr("parcel/model.py", module)
        file.writestr("parcel/numbers.py", f"NUMBER = {number}")
        file.writestr("parcel/late.py", f"NUMBER = {number}")
    return buffer.getvalue()


def load(number: int) -> IsolatedModel:
    return IsolatedModel(archive(number), "parcel.model:Model")


def test_each_version_runs_its_own_code_also_what_it_imports_late() -> None:
    one, two = load(1), load(2)
    assert (one.model.number, two.model.number) == (1, 2)
    for _ in range(2):
        for version, number in ((one, 1), (two, 2)):
            with version.active():
                assert version.model.lazily() == number
                assert version.model.outside() == str(number)


def test_what_is_installed_under_the_same_names_is_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel" / "__init__.py").write_text("")
    (tmp_path / "parcel" / "numbers.py").write_text("NUMBER = 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    installed = importlib.import_module("parcel.numbers")
    path = list(sys.path)
    try:
        version = load(3)
        with version.active():
            assert version.model.lazily() == 3
        assert sys.modules["parcel.numbers"] is installed
        assert importlib.import_module("parcel.numbers").NUMBER == 0
        assert "parcel.late" not in sys.modules
        assert sys.path == path
        del sys.modules["parcel.numbers"]  # and when something else is loaded since
        with version.active():
            assert version.model.lazily() == 3
        assert "parcel.numbers" not in sys.modules
    finally:
        for name in [name for name in sys.modules if name.startswith("parcel")]:
            del sys.modules[name]


def test_code_that_cannot_be_imported_is_named_and_leaves_nothing() -> None:
    with pytest.raises(
        ModelError, match=r"parcel\.model:Model cannot be imported here: ModuleNotFoundError: .*nowhere"
    ):
        IsolatedModel(archive(1, "import nowhere"), "parcel.model:Model")
    assert not any(name.startswith("parcel") for name in sys.modules)
