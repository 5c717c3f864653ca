import json
from dataclasses import replace

from posterity.parity import ParityReport, compare, picture
from posterity.parity.report import STAGES, Finding
from tests.parity.runs import legacy_run, pipeline_run


def broken() -> ParityReport:
    run = legacy_run(shift=4.0)
    clean = run.tables["clean"].copy()
    clean.loc[[3, 5], "late"] = ~clean.loc[[3, 5], "late"]
    return compare(replace(run, tables={"clean": clean}), pipeline_run())


def test_a_report_survives_json():
    report = broken()
    assert ParityReport.from_json(report.to_json()) == report
    assert json.loads(report.to_json())["level"] == 0.01


def test_the_table_has_every_stage_in_order_with_its_findings_below():
    rows = list(broken().rows())
    assert [row[0] for row in rows if row[0] and row[2]] == ["clean", "posterior", "predictions", "table"]
    assert [row[0] for row in rows if row[0]] == list(STAGES)
    assert rows[0] == ("raw", "not compared", "", "not compared: the legacy run has none")
    assert rows[1][3] == "late, values in 2 rows: False against True of the pipeline, first at flight=3" or (
        rows[1][3] == "late, values in 2 rows: True against False of the pipeline, first at flight=3"
    )


def test_a_finding_reads_as_a_sentence():
    finding = Finding("effect[AA]", "mean", "1.5", "1.2", z=6.25, p=1e-6)
    assert finding.sentence == "effect[AA], mean: 1.5 against 1.2 of the pipeline (+6.2 MCSE)"


def test_the_picture_has_a_panel_per_stage_and_draws_the_same_twice():
    report = broken()
    svg = picture(report)
    assert svg == picture(report)
    text = svg.decode()
    for stage in report.stages:
        assert f"{stage.stage}: {stage.verdict}" in text
    assert report.summary in text
    assert picture(report, "png").startswith(b"\x89PNG")


def test_a_picture_of_nothing_says_so():
    from posterity.parity import LegacyRun, PipelineRun

    assert b"Nothing of a could be compared with b." in picture(compare(LegacyRun("a"), PipelineRun("b")))
