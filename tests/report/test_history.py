from dataclasses import replace

import pytest

from posterity.report.history import history_section, picture

from .examples import EVIL, year
from .wellformed import read


@pytest.mark.parametrize("months", [1, 2, 11, 24])
def test_any_number_of_months(months):
    section = history_section(year(months), "Share of flights")
    reader = read(section.html)
    assert EVIL[:17] in reader.content
    assert "2013" in reader.content


def test_no_month_yet():
    assert "No run" in history_section([], "x").summary
    with pytest.raises(ValueError, match="no run to draw"):
        picture([], "x")


def test_the_last_verdict_is_the_sections_and_drift_is_named_by_month():
    section = history_section(year(4), "x")
    assert section.verdict == "bad"
    assert "drift was found in May" in section.summary


def test_a_month_that_was_stopped_shows_no_interval():
    months = year(3)
    stopped = [months[0], replace(months[1], rejected="gate: fail", series={}), months[2]]
    assert "gate: fail" in read(history_section(stopped, "x").html).content
    everything_stopped = [replace(month, rejected="gate: fail") for month in months]
    read(history_section(everything_stopped, "x").html)


def test_as_a_file():
    months = year(3)
    assert picture(months, "x").startswith(b"<?xml")
    assert picture(months, "x", shares=False, form="png").startswith(b"\x89PNG")
