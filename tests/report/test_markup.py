import math

import pytest
from markupsafe import Markup

from posterity.report import markup

from .wellformed import read


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.04123, "0.0412"),
        (1.00812, "1.01"),
        (12.34, "12.3"),
        (336776, "336,776"),
        (336776.4, "336,776"),
        (-0.5, "−0.500"),
        (4.62e-6, "4.62e−06"),
        (1e20, "1.00e+20"),
        (-3, "−3"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers_are_short_and_never_break(value, shown):
    assert markup.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.0 s"), (9.96, "10.0 s"), (59.6, "60 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(value, shown):
    assert markup.seconds(value) == shown


def test_percent_of_the_unknown_is_a_dash():
    assert [markup.percent(value) for value in (0.1234, None, math.nan, math.inf)] == ["12.3 %", "–", "–", "–"]


def test_a_fact_that_is_empty_is_a_dash_and_zero_is_none():
    found = str(markup.facts({"source": "", "sampler": {}, "seed": 0}))
    assert found.count("<dd>–</dd>") == 2
    assert "<dd>0</dd>" in found


def test_everything_that_is_text_is_escaped():
    evil = '<b onclick="x">&\'"'
    parts = [
        markup.pill("ok", evil),
        markup.paragraph(evil),
        markup.heading(evil),
        markup.callout("bad", evil),
        markup.items([evil]),
        markup.code(evil),
        markup.facts({evil: evil}),
        markup.fold(evil, evil),
        markup.table([evil], [[evil]], caption=evil),
        markup.figure(evil, Markup("<svg></svg>"), evil),
        markup.interval(0.1, 0.2, 0.3, 0.4, 0.5, 1.0, evil),
    ]
    for part in parts[:-1]:
        assert evil in read(part).content
    read(parts[-1])  # an attribute; the reader finds any that leaks out


def test_long_tables_are_folded_and_very_long_ones_cut_with_a_count():
    rows = [[i, i] for i in range(1000)]
    html = markup.table(["a", "b"], rows)
    assert html.count("<tr") == 2 + 200
    assert "988 more rows" in html
    assert "800 further rows are left out" in html
    assert "<details" not in markup.table(["a", "b"], rows[:12])
    assert markup.table(["a"], []) == ""


def test_an_interval_stays_within_its_scale():
    inside = markup.interval(-1.0, 0.0, 0.5, 2.0, 9.0, 1.0, "x")
    assert "left:0.0%;width:100.0%" in inside
    assert markup.interval(math.nan, 0, 0, 0, 0, 1, "x") == '<span class="bar"></span>'
    assert markup.interval(0, 0, 0, 0, 0, 0.0, "x") == '<span class="bar"></span>'
