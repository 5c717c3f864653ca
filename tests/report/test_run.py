from posterity.report.run import overview_section, stages_section

from .examples import EVIL, KEYS, MINUTES, SHARE, product, stage_records
from .wellformed import read


def test_the_overview_shows_the_ten_rows_most_at_risk_and_what_to_do():
    steps = [("Verify it:", "posterity baseline verify flights/2"), (EVIL, "")]
    section = overview_section(
        "All well.",
        verdict="ok",
        facts={"gate": "pass"},
        table=product(50),
        keys=KEYS,
        quantity=SHARE,
        next_steps=steps,
    )
    reader = read(section.html)
    assert section.html.count('class="bar"') == 10
    assert "The 10 rows most at risk" in reader.content
    assert "posterity baseline verify flights/2" in reader.content
    assert EVIL in reader.content


def test_an_overview_without_a_product():
    read(overview_section("Stopped.", verdict="bad").html)
    read(overview_section("Empty.", table=product(0), keys=KEYS, quantity=SHARE).html)
    shown = read(overview_section("One.", table=product(1, MINUTES), keys=KEYS, quantity=MINUTES).html)
    assert "The only prediction" in shown.content


def test_stages_say_whether_they_ran_and_why():
    section = stages_section(stage_records(), {"seed": 1}, {"snapshot": "a" * 64})
    reader = read(section.html)
    assert section.verdict == "ok"
    assert "4 of 6 stages ran" in section.summary
    for text in ("first run", "reused", "a" * 64):
        assert text in reader.content


def test_a_failed_stage_shows_its_error():
    section = stages_section(stage_records(failing=True), {}, {})
    reader = read(section.html)
    assert section.verdict == "bad"
    assert "Stage register failed" in section.summary
    assert f"snapshot ab failed {EVIL}" in reader.content


def test_no_stage_yet():
    assert stages_section([], {}, {}).verdict == ""
    read(stages_section([], {}, {}).html)
