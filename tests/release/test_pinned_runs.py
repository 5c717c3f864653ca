"""Runs of a model that is pinned take the earlier code and settings, whatever they are started with."""

from pathlib import Path

import pytest

from posterity.registry import versions
from posterity.release import pins
from tests.bench import Bench

SHOP = Path(__file__).parents[1] / "shop.py"


class Edited(Bench):
    """A bench whose model is a file that can be edited between runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = folder / "shop.py"
        self.file.write_text(SHOP.read_text())
        self.model = f"{self.file}:Shop"

    def edit(self, before: str, after: str) -> None:
        text = self.file.read_text()
        assert before in text
        self.file.write_text(text.replace(before, after))


@pytest.mark.slow
def test_a_pinned_run_takes_code_and_settings_of_the_version_until_it_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, acting
) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from pathlib import Path; from tests.release.test_pinned_runs import Edited, run_once;"
        "run_once(Path(sys.argv[1]), *sys.argv[2:])"
    )
    environment = {"POSTERITY_STORE": f"file://{tmp_path}/store", "POSTERITY_REGISTRY": f"sqlite:///{tmp_path}/r.db"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(name: str, as_of: str, chains: str) -> versions.Version:
        command = [sys.executable, "-W", "error", "-c", script, str(tmp_path), name, as_of, chains]
        done = subprocess.run(command, cwd=SHOP.parents[1], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return versions.get(bench.store, "shop")

    bench = Edited(tmp_path)
    first = run("one", "2026-01-31", "4")
    bench.edit('draws.effect("level", targets["shop"])', '9 + draws.effect("level", targets["shop"])')
    second = run("two", "2026-02-28", "5")
    assert second.references["code"].sha256 != first.references["code"].sha256

    pins.pin(bench.store, first, "nine too many")
    third = run("three", "2026-02-28", "5")
    assert third.number == 3
    assert third.references["code"].sha256 == first.references["code"].sha256
    assert (third.parameters["chains"], third.tags["pinned"]) == (4, "shop/1")
    assert third.model_class == first.model_class

    pins.unpin(bench.store, "shop", "mended")
    fourth = run("four", "2026-03-31", "5")
    assert fourth.references["code"].sha256 == second.references["code"].sha256
    assert (fourth.parameters["chains"], "pinned" in fourth.tags) == (5, False)


def run_once(folder: Path, name: str, as_of: str, chains: str) -> None:
    """One run in a process of its own, as each stage has one."""
    text = (folder / "shop.py").read_text()
    bench = Edited(folder)
    bench.file.write_text(text)
    bench.as_of, bench.chains = as_of, int(chains)
    bench.run(name)
