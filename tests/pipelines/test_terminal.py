"""What somebody sees who sits at a terminal: the live table, and the debugger where a stage fails."""

import re
import shutil
from pathlib import Path

from posterity.runs import ORDER
from tests.pipelines.conftest import WAIT, Folder, Newcomer, Terminal

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_the_live_table_shows_stages_with_times_and_chains_with_their_steps(newcomer: Newcomer) -> None:
    screen = ESCAPES.sub("", newcomer.screen)
    for stage in ORDER:
        assert f"· {stage}" in screen, "all that is to come is there from the start"
        assert re.search(rf"✓ {stage}[.,\d]* +\d+\.\d s +ran: ", screen), stage
    assert re.search(r"● sample\.[\d,]+ +\d+\.\d s +running", screen)
    assert re.search(r"chain +step +divergences +step size +gradients +left", screen)
    for chain in range(4):
        assert re.search(rf"{chain} +━+ +1400/1400 +done +0 +0\.\d+ +[\d,]+ +0 s", screen), chain
    assert newcomer.screen.count("\x1b[2K") > 50, "lines are renewed in place"


def test_the_summary_follows_the_table(newcomer: Newcomer) -> None:
    summary = ESCAPES.sub("", newcomer.screen).rpartition("✓ notify")[2]
    for piece in ("the 5 of 5 at the top", "station", "pass (rhat_max", "no-baseline", "coffee/1", "first.html"):
        assert piece in summary


def test_the_debugger_opens_where_a_stage_fails(folder: Folder, tmp_path: Path) -> None:
    shutil.copytree(folder.path / "first", tmp_path / "store")
    mine = Folder(tmp_path)
    for key in list(mine.store.list("posteriors/")):
        mine.store.delete(key)
    terminal = Terminal(mine, "stage", "first", "predict", "--pdb")
    terminal.expect(r"\(Pdb\) ", timeout=WAIT)
    assert "posterity/store/directory.py" in terminal.before
    terminal.sendline("p key.rpartition('/')[2]")
    terminal.expect_exact("'posterior.nc'", timeout=WAIT)
    terminal.sendline("q")
    said = ESCAPES.sub("", terminal.read())
    assert re.search(r"NotFoundError: \S+/posterior.nc is not in the store", said), said
    assert terminal.wait() == 3
