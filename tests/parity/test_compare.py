from dataclasses import replace

import numpy as np
import pytest

from posterity.parity import LegacyRun, Names, PipelineRun, compare
from posterity.parity.compare import effective_size
from tests.parity.runs import ROUTES, legacy_run, pipeline_run, posterior, product


def test_right_runs_agree_in_every_stage():
    report = compare(legacy_run(), pipeline_run())
    assert report.verdict == "equal"
    assert report.parts_at is None
    assert report.not_compared == ()
    assert report.summary == "script and pipeline agree in raw, clean, features, posterior, predictions, table."


@pytest.mark.parametrize("stage", ["raw", "clean", "features"])
def test_they_part_where_the_first_table_differs(stage):
    run = legacy_run()
    changed = {name: frame.assign(extra=0) if name >= stage else frame for name, frame in run.tables.items()}
    changed[stage] = run.tables[stage].assign(**{run.tables[stage].columns[-1]: 0})
    report = compare(replace(run, tables=changed), pipeline_run())
    assert report.stage(stage).verdict == "differs"
    assert report.summary.startswith("script and pipeline first part at")


def test_a_mistake_in_the_model_is_found_there_before_its_consequences():
    report = compare(legacy_run(shift=4.0), pipeline_run())
    assert report.parts_at == "posterior"
    assert report.stage("posterior").findings[0].where == f"effect[{ROUTES[2]}]"
    assert report.stage("predictions").verdict == "differs"
    assert report.stage("features").verdict == "equal"


def test_a_mistake_in_the_prediction_is_found_there():
    run, drawn = legacy_run(), posterior(2)
    drawn.values["level"][...] += 0.1
    report = compare(replace(run, product=product(drawn, 2, simulated=True)), pipeline_run())
    assert report.parts_at == "predictions"


def test_where_they_part_is_in_doubt_if_a_stage_before_could_not_be_compared():
    run = legacy_run(shift=4.0)
    report = compare(
        replace(run, tables={"raw": run.tables["raw"]}, missing={"clean": "it was killed"}), pipeline_run()
    )
    assert report.summary == (
        "script and pipeline first part at posterior (or before: clean, features could not be compared)."
    )
    assert ("clean", "it was killed") in report.not_compared
    assert ("features", "the legacy run has none") in report.not_compared


def test_nothing_to_compare_is_no_agreement():
    report = compare(LegacyRun("script"), PipelineRun("pipeline"))
    assert report.verdict == "not compared"
    assert len(report.not_compared) == 6
    assert report.not_compared[3] == ("posterior", "the legacy run has none; the pipeline has none")
    assert report.summary == "Nothing of script could be compared with pipeline."


def test_the_map_renames_and_keys_and_ignores_columns_and_declares_dtypes():
    run = legacy_run()
    clean = run.tables["clean"].rename(columns={"delay": "dly"}).astype({"block": str}).assign(note=np.arange(200))
    names = Names(
        columns={"clean": {"dly": "delay"}},
        ignore={"clean": ("note",)},
        dtypes={"clean": ("block",)},
        keys={"features": ("carrier",)},
    )
    tables = {**run.tables, "clean": clean}
    assert compare(replace(run, tables=tables), pipeline_run()).parts_at == "clean"
    report = compare(replace(run, tables=tables, names=names), pipeline_run())
    assert report.verdict == "equal"
    assert report.not_compared == (("clean.note", "the map says to ignore it"),)
    assert "rows are matched by carrier" in report.stage("features").notes


def test_the_effective_size_is_that_of_the_parameters():
    size, origin = effective_size(LegacyRun("script", posterior=posterior(1, draws=1000, rho=0.5)))
    assert size == pytest.approx(4000 / 3, rel=0.15)
    assert "median" in origin


def test_draws_that_are_antithetic_do_not_make_the_effective_size_larger_than_their_number():
    size, _ = effective_size(LegacyRun("script", posterior=posterior(1, draws=1000, rho=-0.5)))
    assert size == 4000
