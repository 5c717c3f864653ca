import numpy as np
import pandas as pd
import pytest

from posterity.data.analysis import analyse
from posterity.data.checks import CheckReport, TestResult
from posterity.data.snapshot import Manifest
from posterity.report.data import analysis_section, checks_section, preprocess_section, snapshot_section

from .examples import EVIL
from .wellformed import read


def test_all_tests_passed():
    section = checks_section(CheckReport((TestResult("unique row keys", "carrier × flight", True),) * 30))
    assert (section.verdict, section.summary) == ("ok", "All 30 data tests passed.")
    assert "18 more rows" in read(section.html).content


def test_failed_tests_come_first_with_counts_and_examples():
    failed = TestResult("isin", "carrier", False, 1234, ("ZZ", EVIL), f"carrier: 1,234 values fail isin, e.g. {EVIL}")
    section = checks_section(CheckReport((TestResult("not_nullable", "dest", True), failed)))
    content = read(section.html).content
    assert section.verdict == "bad"
    assert "1 of 2 data tests failed; the snapshot is quarantined" in section.summary
    assert failed.message in content
    assert f"ZZ, {EVIL}" in content
    assert content.index("isin") < content.index("not_nullable")


def test_a_model_without_tests_is_worth_a_look():
    assert checks_section(CheckReport(())).verdict == "warn"


@pytest.mark.parametrize(("before", "after", "said"), [(100, 100, "100 of 100 rows."), (1000, 990, "10 (1.00 %) were")])
def test_cleaning_says_what_it_dropped(before, after, said):
    section = preprocess_section(before, after, ["a", EVIL], ["a", "new"])
    content = read(section.html).content
    assert said in section.summary
    assert f"Columns dropped: {EVIL} ." in content
    assert "Columns added: new ." in content


def test_a_snapshot_shows_how_personal_columns_were_treated():
    manifest = Manifest(EVIL, "2013-03-31", 336776, {"carrier": "str", EVIL: "int64"}, "a" * 64, {"passenger": "drop"})
    content = read(snapshot_section(manifest).html).content
    assert "336,776 rows and 2 columns" in snapshot_section(manifest).summary
    assert "passenger drop" in content
    read(snapshot_section(Manifest("x", "2013-01-01", 1, {}, "a" * 64)).html)


def table(rows, shift=0.0):
    rng = np.random.default_rng(0)
    columns = {f"number {i}": rng.normal(size=rows) + shift for i in range(8)}
    names = {EVIL: rng.choice(["UA", EVIL, *map(str, range(30))], rows), "constant": np.ones(rows)}
    return pd.DataFrame({**columns, **names, "share": rng.uniform(size=rows)}).assign(
        day=pd.Timestamp("2013-01-01") + pd.to_timedelta(np.arange(rows), unit="D")
    )


@pytest.mark.parametrize("rows", [1, 500])
@pytest.mark.parametrize("outcome", ["", "share"])
def test_features_of_any_size(rows, outcome):
    section = analysis_section(analyse(table(rows), None, outcome))
    content = read(section.html).content
    assert section.verdict == ""
    assert f"{rows:,} rows of 12 columns; there is no earlier table" in section.summary
    assert EVIL[:20] in content
    assert ("Association with the outcome" in content) == (outcome != "" and rows > 1)
    assert "6 more columns" in content


def test_features_are_held_against_the_previous_table():
    section = analysis_section(analyse(table(500, shift=2.0), table(400).drop(columns="constant").assign(old=1)))
    content = read(section.html).content
    assert section.verdict == "warn"
    assert "500 rows of 12 columns, 400 before; what changed most is number" in section.summary
    assert "new column constant" in content
    assert "column old is gone" in content
    assert "Orange marks the previous snapshot" in content
    same = analysis_section(analyse(table(500), table(500)))
    assert (same.verdict, same.summary) == ("", "500 rows of 12 columns, 500 before; no distribution changed.")


def test_new_and_vanished_categories_are_named():
    now, before = pd.DataFrame({"carrier": ["UA", EVIL]}), pd.DataFrame({"carrier": ["UA", "9E"]})
    content = read(analysis_section(analyse(now, before)).html).content
    assert EVIL[:20] in content
    assert "gone: 9E" in content


def test_features_with_holes_and_without_rows_or_columns():
    hollow = table(50).assign(empty=np.nan)
    hollow.loc[:24, "number 0"] = np.nan
    content = read(analysis_section(analyse(hollow)).html).content
    assert "50.0 %" in content
    assert "100.0 %" in content
    read(analysis_section(analyse(table(0))).html)
    read(analysis_section(analyse(pd.DataFrame())).html)
