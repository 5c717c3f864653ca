"""`posterity run` beyond one run: back-tests."""

import json
from pathlib import Path

import pytest

from tests.pipelines.conftest import AS_OF, MODEL, Folder, new_folder


@pytest.mark.slow
def test_a_back_test_scores_a_fit_on_the_period_held_out(tmp_path: Path) -> None:
    folder: Folder = new_folder(tmp_path)
    done = folder.command("run", MODEL, "--as-of", AS_OF, "--source", "sales.csv", "--backtest", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["version"] == "shop/2", "the fit of the month before is the first version"
    assert "Better than" in facts["comparison"] or "As good as" in facts["comparison"]


def test_a_back_test_needs_an_earlier_period(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    done = folder.command("run", MODEL, "--as-of", "2025-12-31", "--source", "sales.csv", "--backtest")
    assert done.returncode == 3
    assert "holds no rows" in done.stderr
    log = next((folder.path / ".posterity" / "local").glob("*/stages.log")).read_text()
    assert "Retrying" not in log, "retries are for pods that are taken away"
