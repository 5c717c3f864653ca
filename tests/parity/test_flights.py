"""The pipeline equals the monolith, and no mistake of it goes unseen.

Held against the frozen outputs: all stages. Held against the running script: the mistakes of mutants.py, those before
sampling with the script cut off at its model, those of the model with few draws, those after sampling with the draws
of the pipeline in place of the script's own sampling.
"""

from functools import partial

import pytest

from posterity.parity import compare, compare_with
from tests.parity import flights
from tests.parity.mutants import MUTANTS, patch

TEXT = flights.SCRIPT.read_text()
LEVEL = 1e-4  # another CPU gives other draws, and no CI shall fail by chance
# The coordinates of the samplers: the one parametrisation and the other. All that they stand for is compared.
OF_THE_SCRIPT = ("block_contrast", "block_month_contrast", "origin_contrast", "origin_month_contrast")
OF_THE_PIPELINE = (
    *(f"{name}_{part}" for name in ("block", "origin", "month") for part in ("average", "differences")),
    *("z_block", "z_origin", "z_month", "carrier_total"),
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tables():
    return flights.pipeline_tables()


@pytest.fixture(scope="module")
def pipeline(tables, tmp_path_factory):
    return flights.pipeline_run(
        tables, flights.pipeline_posterior(tables["features"], tmp_path_factory.mktemp("store"))
    )


@pytest.fixture(scope="module")
def draws(pipeline, tmp_path_factory):
    """The pipeline's draws as a file that the script can read."""
    file = tmp_path_factory.mktemp("draws") / "idata.nc"
    file.write_bytes(pipeline.posterior.to_netcdf())
    return file


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Runs a copy of the script. They share what PyTensor compiles, which takes longer than the few draws."""
    return partial(flights.record, compiled=tmp_path_factory.mktemp("compiled"))


def test_the_pipeline_equals_the_frozen_outputs_in_every_stage(pipeline):
    report = compare_with(flights.FROZEN, pipeline, level=LEVEL)
    assert report.verdict == "equal", report.summary
    assert {stage.verdict for stage in report.stages} == {"equal"}
    coordinates = {f"posterior.{name}": "only the legacy run has it" for name in OF_THE_SCRIPT}
    coordinates |= {f"posterior.{name}": "only the pipeline has it" for name in OF_THE_PIPELINE}
    assert dict(report.not_compared) == coordinates


def test_the_pipeline_equals_the_final_table_alone(pipeline):
    report = compare_with(flights.FROZEN / "predictions.csv", pipeline, level=LEVEL)
    assert report.verdict == "equal", report.summary
    assert [stage.verdict for stage in report.stages] == ["not compared"] * 4 + ["equal"] * 2


def test_the_pipeline_equals_the_script_as_it_runs(pipeline, record, tmp_path):
    report = compare(record(tmp_path / "run", flights.with_few_draws(TEXT)), pipeline, LEVEL)
    assert report.verdict == "equal", report.summary
    assert {stage.verdict for stage in report.stages} == {"equal"}


def test_the_pipeline_equals_the_script_with_the_same_draws(pipeline, draws, record, tmp_path):
    report = compare(record(tmp_path / "run", flights.with_draws_of(TEXT, draws)), pipeline, LEVEL)
    assert report.verdict == "equal", report.summary
    assert report.stage("posterior").largest == 0


def check(report, mutant):
    assert report.parts_at == mutant.stage, f"{report.summary} {report.stage(mutant.stage).sentence}"
    findings = report.stage(mutant.stage).findings
    assert any(mutant.where in finding.where for finding in findings), [finding.sentence for finding in findings]


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.part == "tables"], ids=lambda mutant: mutant.name)
def test_a_mistake_before_sampling_is_found(mutant, tables, record, tmp_path):
    text = patch(flights.tables_only(TEXT), mutant.old, mutant.new)
    run = record(tmp_path / "run", text)
    check(compare(run, flights.pipeline_run(tables, None)), mutant)


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.part == "sampling"], ids=lambda mutant: mutant.name)
def test_a_mistake_of_the_model_is_found(mutant, pipeline, record, tmp_path):
    run = record(tmp_path / "run", flights.with_few_draws(patch(TEXT, mutant.old, mutant.new)))
    check(compare(run, pipeline, LEVEL), mutant)


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.part == "draws"], ids=lambda mutant: mutant.name)
def test_a_mistake_with_the_draws_is_found(mutant, draws, pipeline, record, tmp_path):
    run = record(tmp_path / "run", flights.with_draws_of(patch(TEXT, mutant.old, mutant.new), draws))
    check(compare(run, pipeline, LEVEL), mutant)


def test_every_stage_has_a_mistake_and_a_patch_that_does_not_apply_fails():
    assert {mutant.stage for mutant in MUTANTS} == {"raw", "clean", "features", "posterior", "predictions", "table"}
    with pytest.raises(AssertionError, match="the script has 0 places like"):
        patch(TEXT, "no such line", "")
