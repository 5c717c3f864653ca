import subprocess
import sys
from pathlib import Path

import pytest

from posterity.errors import CorruptError, SettingsError
from posterity.store import Reference, open_store
from posterity.store.digest import canonical_json, digest_json
from posterity.store.directory import DirectoryStore


def test_a_directory_s_url_opens_it_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c?d%20é"
    store = open_store(f"file://{folder}")
    store.put("a", b"1")
    assert (folder / "a").read_bytes() == b"1"
    assert store.url == f"file://{folder}"
    assert open_store(store.url).get("a") == b"1"


@pytest.mark.parametrize("url", ["", "/tmp/x", "file://tmp/x", "file:x", "http://host/x", "s3://", "s3:/bucket"])
def test_no_store(url: str) -> None:
    with pytest.raises(SettingsError, match="is not a store; use file:///directory or s3://bucket/prefix"):
        open_store(url)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("directory", {"minio", "urllib3", "pandas", "pyarrow"}), ("s3", {"pandas", "pyarrow", "boto3"})],
)
def test_a_store_imports_only_what_it_uses(module: str, heavy: set[str]) -> None:
    code = f"import sys, posterity.store.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


def test_references_travel_as_files(tmp_path: Path) -> None:
    reference = Reference("clean/x", "0" * 64, "clean", {"rows": 3, "columns": {"ä": "str"}})
    reference.write(tmp_path / "artifact")
    assert Reference.read(tmp_path / "artifact") == reference
    assert (tmp_path / "artifact").stat().st_size < 200


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "3", '{"key": "a"', '{"key": "a", "sha256": "b", "kind": "c", "d": 1}']
)
def test_what_is_no_reference_names_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "artifact").write_text(text)
    with pytest.raises(CorruptError, match="artifact is not a reference"):
        Reference.read(tmp_path / "artifact")
    with pytest.raises(CorruptError, match="nowhere is not a reference"):
        Reference.read(tmp_path / "nowhere")


def test_equal_values_have_equal_digests() -> None:
    assert digest_json({"a": 1, "b": [1.0, "ä"]}) == digest_json({"b": [1.0, "ä"], "a": 1})
    assert digest_json({"a": 1}) != digest_json({"a": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json([float("nan")])


def test_a_stored_object_keeps_its_bytes(tmp_path: Path) -> None:
    """The first bytes under a key stay, also when other bytes claim the same key."""
    store = DirectoryStore(tmp_path)
    store.put("a", b"1")
    store.put("a", b"2")
    with pytest.raises(CorruptError, match="does not match its SHA-256"):
        Reference("a", digest_json("2"), "x").fetch(store)
