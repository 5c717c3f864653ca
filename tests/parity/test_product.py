from dataclasses import replace

import numpy as np
import pytest

from posterity.data.product import LEVELS
from posterity.parity import Names, compare
from tests.parity.runs import TRIALS, legacy_run, pipeline_run, posterior, product


def csv_alone(**more):
    run = legacy_run()
    return replace(run, tables={}, posterior=None, **more)


def test_a_final_table_alone_is_enough():
    report = compare(csv_alone(), pipeline_run())
    assert report.verdict == "equal"
    assert [stage.verdict for stage in report.stages] == ["not compared"] * 4 + ["equal"] * 2
    assert report.stage("predictions").compared == 2 * 9 + 2
    assert any("assumption" in note for note in report.stage("table").notes)


def test_honest_runs_agree_and_use_the_scale_of_their_error():
    """z of two right runs is about standard normal for means and no wider for the rest."""
    largest = {"mean": [], "sd": [], "q": [], "mean over all rows": []}
    for seed in range(12):
        report = compare(legacy_run(100 + seed), pipeline_run(200 + seed))
        assert report.verdict == "equal"
        for stage in ("predictions", "table"):
            for scores in report.stage(stage).scores:
                kind = "q" if scores.name[-3] == "q" else scores.name.removeprefix("late_")
                largest[kind] += scores.z
    assert 0.4 < np.std(largest["mean"]) < 1.2
    assert np.std(largest["sd"]) < 1.1
    assert np.std(largest["q"]) < 1.1
    assert np.std(largest["mean over all rows"]) < 1.1


@pytest.mark.parametrize("bare", ["mean", "sd", "q50"])
def test_columns_without_the_quantity_belong_to_the_only_one(bare):
    run = csv_alone()
    table = run.product.rename(columns={f"late_{bare}": bare})
    report = compare(replace(run, product=table), pipeline_run())
    assert report.verdict == "equal"
    assert f"late_{bare}" in {scores.name for stage in report.stages for scores in stage.scores}


def test_columns_are_renamed_and_ignored_by_the_map():
    run = csv_alone(names=Names(columns={"predictions": {"p": "late_mean"}}, ignore={"predictions": ("note",)}))
    table = run.product.rename(columns={"late_mean": "p"}).assign(note="x", other=1)
    report = compare(replace(run, product=table), pipeline_run())
    assert report.verdict == "equal"
    assert report.stage("table").left_out == (("other", "the product does not have it"),)
    assert report.stage("predictions").compared == 2 * 9 + 2


@pytest.mark.parametrize("column", ["late_mean", "late_sd"])
def test_a_wrong_moment_of_one_row_is_found_in_the_predictions(column):
    run, pipeline = csv_alone(names=Names(ess=2000)), pipeline_run()
    table = run.product.copy()
    table.loc[4, column] = pipeline.product[column][4] + 5 * np.hypot(
        table["late_sd"][4] / np.sqrt(2000), pipeline.product["late_mcse"][4]
    )
    report = compare(replace(run, product=table), pipeline)
    assert report.parts_at == "predictions"
    finding = report.stage("predictions").findings[0]
    assert (finding.where, finding.first, finding.rows) == (column, "carrier=B6, origin=JFK", 1)
    assert finding.z == pytest.approx(5, abs=0.4)
    assert report.stage("table").verdict == "equal"


@pytest.mark.parametrize(
    "levels",
    [(0.05, 0.25, 0.5, 0.95, 0.75), (0.01, 0.25, 0.5, 0.75, 0.99), (0.95, 0.75, 0.5, 0.25, 0.05)],
    ids=["swapped", "wider", "reversed"],
)
def test_wrong_levels_are_found_in_the_table_and_nowhere_else(levels):
    table = product(posterior(2), 2, simulated=True, levels=levels)
    report = compare(replace(legacy_run(), product=table), pipeline_run())
    assert report.parts_at == "table"
    wrong = {f"late_q{round(name * 100):02d}" for name, level in zip(LEVELS, levels, strict=True) if name != level}
    assert {finding.where for finding in report.stage("table").findings} == wrong


def test_a_missing_row_another_exposure_and_a_lost_column_are_found_in_the_table():
    run = csv_alone()
    table = run.product.drop(index=2).drop(columns="late_q50")
    table.loc[5, "flights"] += 1
    report = compare(replace(run, product=table), pipeline_run())
    assert report.parts_at == "table"
    assert [(f.where, f.rows, f.first) for f in report.stage("table").findings] == [
        ("rows", 1, "carrier=AA, origin=LGA"),
        ("flights", 1, "carrier=B6, origin=LGA"),
    ]


def test_exposures_written_as_floats_are_the_same():
    run = csv_alone()
    report = compare(replace(run, product=run.product.astype({"flights": float})), pipeline_run())
    assert report.verdict == "equal"


def test_a_table_without_the_keys_or_with_other_rows_is_not_compared():
    run = csv_alone()
    report = compare(replace(run, product=run.product.drop(columns="carrier")), pipeline_run())
    assert report.verdict == "not compared"
    assert "no column 'carrier'" in dict(report.not_compared)["table"]
    report = compare(replace(run, product=run.product.assign(carrier="ZZ")), pipeline_run())
    assert "no row" in dict(report.not_compared)["predictions"]


def test_a_table_of_keys_and_means_alone_takes_the_spread_of_the_pipeline():
    run = csv_alone()
    report = compare(replace(run, product=run.product[["carrier", "origin", "late_mean"]]), pipeline_run())
    assert report.verdict == "equal"
    assert report.stage("predictions").compared == 9 + 1
    assert ("flights", "the legacy table does not have it") in report.stage("table").left_out


def test_the_error_of_the_legacy_table_is_its_own_or_that_of_its_posterior_or_stated():
    run, pipeline = legacy_run(), pipeline_run()
    own = replace(run, product=run.product.assign(late_mcse=run.product["late_sd"] / 10))
    stated = replace(run, names=Names(ess=100))
    notes = [compare(side, pipeline).stage("predictions").notes[-1] for side in (own, stated, run, csv_alone())]
    assert [note.partition(": ")[2].partition(",")[0] for note in notes[:2]] == ["their own column", "sd/√100"]
    assert "median ESS" in notes[2]
    assert "sd/√400" in notes[3]
    z = [compare(side, pipeline).stage("predictions").scores[0].z for side in (own, stated)]
    assert z[0] == pytest.approx(z[1], rel=1e-6)


def test_a_small_mistake_in_every_row_is_found_in_their_mean():
    run, pipeline = csv_alone(names=Names(ess=2000)), pipeline_run()
    table = pipeline.product.drop(columns="late_mcse")
    table["late_mean"] += 3.95 * np.hypot(table["late_sd"] / np.sqrt(2000), pipeline.product["late_mcse"])
    finding = compare(replace(run, product=table), pipeline, level=1e-3).stage("predictions").findings[0]
    assert (finding.where, finding.what) == ("late_mean", "mean over all rows of the difference")
    assert finding.z == pytest.approx(3.95, abs=0.05)


def test_quantiles_of_few_trials_may_be_a_step_apart():
    run, pipeline = csv_alone(names=Names(ess=1e6)), pipeline_run()
    table = pipeline.product.drop(columns="late_mcse")
    table["late_q75"] += 1 / TRIALS
    assert compare(replace(run, product=table), pipeline).verdict == "equal"
    table["late_q75"] += 1 / TRIALS
    assert compare(replace(run, product=table), pipeline).parts_at == "table"


def test_missing_values_are_listed():
    run = csv_alone()
    table = run.product.copy()
    table.loc[0, "late_mean"] = np.nan
    report = compare(replace(run, product=table), pipeline_run())
    assert report.stage("predictions").left_out == (("late_mean", "1 rows have no value or no MCSE"),)
