"""Each of the bad files is refused, by name of what is wrong, and by nothing else."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import models.flights
from models.flights.model import Flights
from posterity.data.checks import run_checks
from posterity.errors import SourceError
from tests.models.conftest import MARCH

BAD = Path(models.flights.__file__).parent / "bad"
MODEL = Flights()


def failures(raw: pd.DataFrame, as_of: date = MARCH) -> list[str]:
    return [test.message for test in run_checks(MODEL, raw, as_of).tests if not test.passed]


def test_the_real_flights_pass(raw: pd.DataFrame) -> None:
    assert failures(raw) == []


def test_a_sound_sample_passes(sample_file: Path) -> None:
    assert failures(MODEL.extract(str(sample_file), MARCH)) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("impossible_delay", "arr_delay: 1 value fails a possible delay in minutes, e.g. 14400.0"),
        ("unknown_carrier", "carrier: 1 value fails a carrier in the list of airlines, e.g. ZZ"),
        ("duplicated_rows", "carrier × flight × time_hour: 5 rows fail to be unique"),
        ("missing_month", "flights on every day from the first month to 2013-03-31"),
    ],
)
def test_bad_data_fails_one_test(name: str, message: str) -> None:
    (failure,) = failures(MODEL.extract(str(BAD / f"{name}.csv"), MARCH))
    assert message in failure


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong_type", r"column arr_delay, row \d+ holds 'late', which is no number"),
        ("truncated", r"truncated.csv ends in the middle of a row"),
    ],
)
def test_bad_files_cannot_be_read(name: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        MODEL.extract(str(BAD / f"{name}.csv"), MARCH)


def test_every_bad_file_is_tested() -> None:
    names = {path.stem for path in BAD.glob("*.csv")}
    assert names == {
        *("impossible_delay", "unknown_carrier", "duplicated_rows", "missing_month", "wrong_type", "truncated")
    }


def test_a_wrong_type_is_named(sample_file: Path) -> None:
    raw = MODEL.extract(str(sample_file), MARCH)
    assert any("distance" in failure for failure in failures(raw.assign(distance=raw["distance"].astype(float))))


def test_an_outcome_of_the_future_is_noticed(sample_file: Path) -> None:
    raw = MODEL.extract(str(sample_file), MARCH)
    raw.loc[raw.index[~raw["known"]][0], "dep_delay"] = 3.0
    assert any("no outcome after the as-of day" in failure for failure in failures(raw))


def test_one_month_is_too_little(sample_file: Path) -> None:
    january = date(2013, 1, 31)
    (failure,) = failures(MODEL.extract(str(sample_file), january), january)
    assert "at least 2 months of history" in failure
