"""What both flights models read: who is known when, and what becomes of a flight."""

import io
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from models.delays.model import Delays
from models.flights.model import Flights
from models.flights.source import OUTCOMES
from models.flights.table import CLEAN, bin_columns
from posterity.errors import SettingsError, SourceError
from posterity.model.definition import definition_digest
from tests.models.conftest import MARCH

MODEL = Flights()


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def altered(path: Path, to: Path, *, month: int) -> Path:
    """A copy of the file with every outcome of `month` and later turned into something else."""
    flights = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows = flights["month"].astype(int) >= month
    cancelled = rows & (flights.index % 3 == 0)
    flights.loc[rows, [*OUTCOMES, "tailnum"]] = ["12", "99.5", "nonsense", "1200", "0", "N1"]
    flights.loc[cancelled, [*OUTCOMES, "tailnum"]] = "NA"
    flights.to_csv(to, index=False)
    return to


def test_no_outcome_after_the_as_of_day_changes_a_byte(sample_file: Path, tmp_path: Path) -> None:
    before = MODEL.extract(str(sample_file), MARCH)
    after = MODEL.extract(str(altered(sample_file, tmp_path / "flights.csv", month=4)), MARCH)
    assert parquet(after) == parquet(before)


def test_an_outcome_before_the_as_of_day_does_change_the_table(sample_file: Path, tmp_path: Path) -> None:
    flights = pd.read_csv(sample_file, dtype=str, keep_default_na=False)
    last = flights.index[(flights["month"] == "3") & (flights["arr_delay"] != "")][-1]
    flights.loc[last, "arr_delay"] = "123"
    flights.to_csv(tmp_path / "flights.csv", index=False)
    before = MODEL.extract(str(sample_file), MARCH)
    assert parquet(MODEL.extract(str(tmp_path / "flights.csv"), MARCH)) != parquet(before)


def test_the_timetable_of_next_month_is_there_and_nothing_beyond(raw: pd.DataFrame) -> None:
    ahead = raw[~raw["known"]]
    assert set(ahead["month"]) == {4}
    assert len(ahead) == 28330
    assert ahead[[*OUTCOMES, "tailnum"]].isna().all(axis=None)
    assert raw.loc[raw["known"], "month"].max() == 3


def test_a_flight_that_has_not_left_yet_is_not_cancelled(clean: pd.DataFrame) -> None:
    ahead = clean[~clean["known"]]
    assert not ahead[["late", "diverted", "cancelled", "disrupted"]].any(axis=None)
    assert clean.loc[clean["known"], "cancelled"].any()


def test_what_became_of_a_flight() -> None:
    rows = {
        "carrier": "UA", "flight": range(6), "time_hour": "2013-01-01T10:00:00Z", "year": 2013, "month": 1, "day": 1,
        "origin": "EWR", "dest": "IAH", "distance": 1400, "known": [True] * 5 + [False],
        "sched_dep_time": [515, 859, 900, 1300, 1700, 2359],
        "dep_time": [517.0, 900.0, None, 1310.0, 1700.0, None],
        "arr_delay": [15.0, 14.0, None, None, -20.0, None],
    }  # fmt: skip
    clean = MODEL.preprocess(pd.DataFrame(rows))
    assert tuple(clean) == CLEAN
    assert clean["late"].tolist() == [True, False, False, False, False, False]
    assert clean["cancelled"].tolist() == [False, False, True, False, False, False]
    assert clean["diverted"].tolist() == [False, False, False, True, False, False]
    assert clean["disrupted"].tolist() == [True, False, True, True, False, False]
    assert clean["block"].tolist() == ["00-08", "00-08", "09-12", "13-16", "17-23", "17-23"]


def test_the_order_of_the_source_does_not_matter(sample_file: Path, tmp_path: Path) -> None:
    shuffled = pd.read_csv(sample_file, dtype=str, keep_default_na=False).sample(frac=1, random_state=2)
    shuffled.to_csv(tmp_path / "flights.csv", index=False)
    one, other = (MODEL.preprocess(MODEL.extract(str(path), MARCH)) for path in (sample_file, tmp_path / "flights.csv"))
    pd.testing.assert_frame_equal(one, other)


def test_every_known_flight_is_in_one_cell_and_one_bin(clean: pd.DataFrame, features: pd.DataFrame) -> None:
    known = clean[clean["known"]]
    gone = features["diverted"] + features["cancelled"]
    bins = features[list(bin_columns())]
    late = bins.loc[:, "delay_15_30":]
    assert features["flights"].sum() == len(known)
    assert (bins.sum(axis=1) + gone == features["flights"]).all()
    assert (late.sum(axis=1) == features["late"]).all()
    assert (features["late"] + gone == features["disrupted"]).all()
    assert features["disrupted"].sum() == known["disrupted"].sum()
    assert not features.duplicated(["carrier", "origin", "dest", "month", "block"]).any()


def test_both_models_have_one_feature_definition() -> None:
    parts = ("schema", "extract", "preprocess", "features", "feature_set", "feature_version")
    assert definition_digest(Flights(), parts) == definition_digest(Delays(), parts)
    assert definition_digest(Flights(), ["targets"]) != definition_digest(Delays(), ["targets"])


def test_a_day_that_ends_no_month_is_refused(sample_file: Path) -> None:
    with pytest.raises(SettingsError, match="2013-03-30 is not the last of a month"):
        MODEL.extract(str(sample_file), date(2013, 3, 30))


def test_a_day_before_all_flights_is_refused(sample_file: Path) -> None:
    with pytest.raises(SourceError, match="no flights up to 2012-12-31"):
        MODEL.extract(str(sample_file), date(2012, 12, 31))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weather.csv").write_text("origin,year\nEWR,2013\n")
    with pytest.raises(SourceError, match=r"has no column month, day.*time_hour"):
        MODEL.extract(str(tmp_path / "weather.csv"), MARCH)
