import json
from dataclasses import asdict, replace

import pytest

from posterity.errors import SourceError
from posterity.parity import Fingerprint, compare_with, load_legacy, table_digest
from posterity.parity.fingerprint import compare_digest
from tests.parity.runs import pipeline_run, tables


def fingerprint(frame) -> Fingerprint:
    return Fingerprint(len(frame), list(frame.columns), table_digest(frame))


def test_digests_of_tables_are_enough(tmp_path):
    kept = {stage: asdict(fingerprint(frame)) for stage, frame in tables().items()}
    (tmp_path / "tables.json").write_text(json.dumps(kept))
    report = compare_with(tmp_path, pipeline_run())
    assert report.summary.endswith("agree in raw, clean, features.")


def test_a_changed_value_a_lost_row_and_a_lost_column_are_told_apart():
    frame = tables()["clean"]
    kept = fingerprint(frame)
    changed = frame.copy()
    changed.loc[3, "delay"] = 1e-9
    wheres = [
        [finding.where for finding in compare_digest("clean", kept, other).findings]
        for other in (frame, changed, frame.iloc[1:], frame.drop(columns="late"))
    ]
    assert wheres == [[], ["table"], ["rows"], ["late"]]


def test_a_table_that_was_kept_comes_before_its_digest(tmp_path):
    frame = tables()["features"]
    frame.to_parquet(tmp_path / "features.parquet")
    (tmp_path / "tables.json").write_text(json.dumps({"features": asdict(replace(fingerprint(frame), sha256="0"))}))
    assert compare_with(tmp_path, pipeline_run()).stage("features").verdict == "equal"


@pytest.mark.parametrize("text", ["{", "[]", '{"raw": {"rows": 1}}'])
def test_bad_digests_are_refused(tmp_path, text):
    (tmp_path / "tables.json").write_text(text)
    with pytest.raises(SourceError, match=r"tables\.json is no list of digests"):
        load_legacy(tmp_path)
