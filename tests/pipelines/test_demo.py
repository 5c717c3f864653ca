"""`posterity demo`: months in a row, one of them refused, in one picture; the repetition runs none of them again."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from posterity.registry import aliases
from tests.pipelines.conftest import Folder, new_folder

DEMO = ("demo", "shop.py:Shop", "--from", "2026-02-28", "--to", "2026-04-30", "--source", "sales.csv", "--json")


@pytest.fixture
def april_is_bad(folder: Folder, tmp_path: Path) -> Folder:
    """What February's run has done is in the store already."""
    mine = new_folder(tmp_path)
    shutil.copytree(folder.path / "first", tmp_path / "store")
    sales = tmp_path / "sales.csv"
    sales.write_text(sales.read_text().replace("a,2026-04-05,", "a,2026-04-05,-"))
    return mine


@pytest.mark.slow
def test_months_are_replayed_and_drawn_and_one_that_is_refused_stops_nothing(april_is_bad: Folder) -> None:
    done = april_is_bad.command(*DEMO)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    february, march, april = facts["months"]
    sold = pd.read_csv(april_is_bad.path / "sales.csv").query("'2026-03-01' <= day <= '2026-03-31'")["sold"]
    assert february["happened"] == pytest.approx(sold.mean())
    assert march["happened"] is None, "no later snapshot knows April"
    assert february["coverage 90 %"] is not None, "March scored what was said in February"
    assert march["drift"] == "no-baseline"
    assert april["drift"].startswith("rejected: snapshot")
    assert aliases.current(april_is_bad.store, "shop", "baseline") == 2
    assert Path(facts["picture"]).read_text().count("<svg") == 1
    assert "is quarantined" in Path(facts["report"]).read_text()
    again = april_is_bad.command(*DEMO)
    assert again.returncode == 0, again.stderr
    assert "demo-shop-2026-02-28 is done" in again.stderr
    assert "demo-shop-2026-03-31 is done" in again.stderr
    months = json.loads(again.stdout)["months"]
    assert months[:2] == facts["months"][:2]
    assert "is quarantined" in months[2]["drift"]
