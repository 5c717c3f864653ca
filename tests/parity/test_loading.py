import json
from dataclasses import replace

import numpy as np
import pytest

from posterity.errors import CorruptError, NotFoundError, SettingsError, SourceError
from posterity.parity import Moments, compare_with, load_legacy
from posterity.parity.names import Names
from posterity.parity.record import Recorder
from tests.parity.runs import legacy_run, pipeline_run

VARIABLES = {stage: stage for stage in ("raw", "clean", "features", "posterior", "predictions")}


@pytest.fixture
def recorded(tmp_path):
    """A folder as the recorder leaves it, of the synthetic legacy run."""
    run = legacy_run()
    script = tmp_path / "script.py"
    script.write_text("")
    recorder = Recorder(tmp_path / "run", script, [], {"variables": VARIABLES, "ess": 500})
    values = {**run.tables, "posterior": dict(run.posterior.values), "predictions": run.product}
    recorder.finish(values, "at its end")
    facts = json.loads((tmp_path / "run" / "record.json").read_text())
    facts["stages"]["posterior"] |= {"dims": run.posterior.dims, "coords": run.posterior.coords}
    (tmp_path / "run" / "record.json").write_text(json.dumps(facts))
    return tmp_path / "run"


def test_a_recorded_run_is_compared_in_every_stage(recorded):
    report = compare_with(recorded, pipeline_run())
    assert report.verdict == "equal"
    assert report.not_compared == ()
    assert load_legacy(recorded).names.ess == 500


def test_a_map_in_the_folder_or_given_comes_before_that_of_the_record(recorded, tmp_path):
    (recorded / "parity.json").write_text('{"ess": 600}')
    (tmp_path / "given.json").write_text('{"ess": 700}')
    assert load_legacy(recorded).names.ess == 600
    assert load_legacy(recorded, tmp_path / "given.json").names.ess == 700


@pytest.mark.parametrize("file", ["clean.parquet", "posterior.npz"])
def test_a_file_that_was_changed_is_refused(recorded, file):
    (recorded / file).write_bytes((recorded / file).read_bytes()[:-7])
    with pytest.raises(CorruptError, match=rf"{file}.*record the script again"):
        load_legacy(recorded)


def test_a_truncated_record_is_refused(recorded):
    (recorded / "record.json").write_text((recorded / "record.json").read_text()[:-9])
    with pytest.raises(CorruptError, match=r"record\.json"):
        load_legacy(recorded)


def test_what_the_recorder_missed_is_said(recorded):
    facts = json.loads((recorded / "record.json").read_text())
    facts |= {"missing": {"clean": "the script never bound clean"}, "ended": "with KeyError: 'x'"}
    (recorded / "record.json").write_text(json.dumps(facts))
    (recorded / "clean.parquet").unlink()
    report = compare_with(recorded, pipeline_run())
    assert report.not_compared == (("clean", "the script never bound clean; it ended with KeyError: 'x'"),)


def test_one_csv_is_enough_whatever_its_name(tmp_path):
    legacy_run().product.to_csv(tmp_path / "march.csv", index=False)
    for path in (tmp_path / "march.csv", tmp_path):
        report = compare_with(path, pipeline_run())
        assert report.verdict == "equal"
        assert report.stage("table").verdict == "equal"


def test_rounded_csv_values_are_equal_still(tmp_path):
    legacy_run().product.round(2).to_csv(tmp_path / "march.csv", index=False)
    assert compare_with(tmp_path / "march.csv", pipeline_run()).verdict == "equal"


def test_csv_tables_are_read_to_the_bit(tmp_path):
    run = legacy_run()
    run.tables["features"].to_csv(tmp_path / "features.csv", index=False)
    run.tables["raw"][["flight", "carrier", "delay"]].to_csv(tmp_path / "raw.csv", index=False)
    pipeline = pipeline_run()
    pipeline = replace(pipeline, tables={**pipeline.tables, "raw": pipeline.tables["raw"].drop(columns="when")})
    report = compare_with(tmp_path, pipeline)
    assert [report.stage(name).verdict for name in ("raw", "clean", "features")] == ["equal", "not compared", "equal"]
    assert report.stage("table").verdict == "not compared"


def test_an_inference_data_file_is_the_posterior(tmp_path):
    (tmp_path / "posterior.nc").write_bytes(legacy_run().posterior.to_netcdf())
    report = compare_with(tmp_path, pipeline_run())
    assert report.stage("posterior").verdict == "equal"
    assert report.stage("posterior").compared == 22


@pytest.mark.parametrize("digits", ["none", 3])
def test_a_summary_of_arviz_is_enough(tmp_path, digits):
    import arviz as az

    drawn = legacy_run().posterior
    data = az.from_dict(drawn.values, coords={"route": drawn.coords["route"]}, dims={"effect": ["route"]})
    az.summary(data, round_to=digits).to_csv(tmp_path / "posterior.csv")
    found = load_legacy(tmp_path)
    assert isinstance(found.posterior, Moments)
    stage = compare_with(tmp_path, pipeline_run()).stage("posterior")
    assert (stage.verdict, stage.compared, stage.left_out) == ("equal", 22, ())
    summary = replace(found.posterior, mean=found.posterior.mean + 0.2)
    from posterity.parity import compare

    assert compare(replace(found, posterior=summary), pipeline_run()).parts_at == "posterior"


def test_a_summary_without_errors_is_listed_not_tested(tmp_path):
    (tmp_path / "posterior.csv").write_text("parameter,mean,sd\nlevel,-1.2,0.1\n")
    stage = compare_with(tmp_path, pipeline_run()).stage("posterior")
    assert (stage.verdict, stage.compared) == ("not compared", 0)
    assert ("scalars (mean)", "the legacy run has no value or no MCSE of it") in stage.left_out


def test_a_summary_without_means_is_refused(tmp_path):
    (tmp_path / "posterior.csv").write_text("parameter,average\nlevel,-1.2\n")
    with pytest.raises(SourceError, match=r"posterior\.csv has no column 'mean'"):
        load_legacy(tmp_path)


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="no such file or folder"):
        load_legacy(tmp_path / "none")
    with pytest.raises(NotFoundError, match="holds nothing of a run"):
        load_legacy(tmp_path)


def test_a_file_that_is_no_table_is_named(tmp_path):
    (tmp_path / "clean.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"clean\.parquet cannot be read"):
        load_legacy(tmp_path)
    (tmp_path / "clean.parquet").unlink()
    (tmp_path / "posterior.npz").write_bytes(b"PK")
    with pytest.raises(SourceError, match="cannot be read"):
        load_legacy(tmp_path)


def test_pickled_arrays_are_not_loaded(tmp_path):
    np.savez(tmp_path / "posterior.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SourceError, match="allow_pickle"):
        load_legacy(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as a map"),
        ("[]", "JSON object"),
        ('{"key": {}}', "no entry 'key'; there are variables, columns"),
        ('{"keys": ["a"]}', "keys must be an object"),
        ('{"ess": "many"}', "ess must be a number"),
        ('{"ess": 0}', "ess must be a number"),
    ],
)
def test_a_bad_map_is_refused(tmp_path, text, message):
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(SettingsError, match=message):
        Names.read(tmp_path / "map.json")
