import base64
import hashlib
import re

import pytest

from posterity.errors import CorruptError
from posterity.report.page import Section, page

from .wellformed import read

SECTIONS = [
    Section("one", "First", "<p>a</p>", "ok", "All is well."),
    Section("two", "Second <x>", "<p>b</p>", "bad", 'A "bad" thing & more -- > <b>.'),
    Section("one", "Again", "<p>c</p>"),
]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_survives_being_stored(section):
    assert Section.from_bytes(section.to_bytes()) == section
    assert section.to_bytes() == section.to_bytes()


def test_a_stored_section_is_html_with_nothing_visible_added():
    assert read(SECTIONS[1].to_bytes().decode()).content == "b"


@pytest.mark.parametrize(
    "data",
    [b"", b"<p>no section</p>", b"\xff\xfe", SECTIONS[0].to_bytes()[:30], b'<!--posterity-section {"id": 1}-->\n'],
)
def test_other_bytes_are_refused_by_name(data):
    with pytest.raises(CorruptError, match="report section"):
        Section.from_bytes(data)


def test_an_unknown_verdict_is_refused():
    with pytest.raises(CorruptError, match="'fine'"):
        Section.from_bytes(SECTIONS[0].to_bytes().replace(b'"ok"', b'"fine"'))


def test_the_page_is_whole_and_escaped():
    html = page('Run <1> of "x"', SECTIONS, {"run": "<r>", "version": 3})
    reader = read(html, whole=True)
    assert 'Run <1> of "x"' in reader.content
    assert "<r>" in reader.content
    assert {"one", "two", "one-2"} <= set(reader.ids)
    assert reader.content.count("All is well.") == 2  # badge and section
    assert reader.content.index("Second <x>") < reader.content.index("Again")


def test_bad_news_comes_first_among_the_badges():
    html = page("x", SECTIONS, {})
    assert html.index('class="card bad"') < html.index('class="card ok"')


def test_one_section_needs_no_navigation_and_none_says_so():
    assert "<nav" not in page("x", SECTIONS[:1], {})
    assert "no section yet" in page("x", [], {})
    read(page("x", [], {}), whole=True)


def test_the_policy_allows_the_pages_own_script_and_nothing_else():
    html = page("x", SECTIONS, {})
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1].replace("&#39;", "'")
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert html.count("<script") == 1


def test_percentages_do_not_break_across_lines():
    html = page("x", [Section("a", "A", "<p>90 % of it</p>", "ok", "50 % fine")], {})
    assert "90\u00a0% of it" in html
    assert "50\u00a0% fine" in html
