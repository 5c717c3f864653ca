"""The data tests of the raw flights."""

from datetime import date
from typing import TYPE_CHECKING

from models.flights.source import OUTCOMES

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

AIRLINES = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
AIRPORTS = ("EWR", "JFK", "LGA")
HISTORY = 2  # months; one month says nothing about how months differ
LEAST_DELAY, MOST_DELAY = -120, 1440  # minutes; nobody is two hours early, a day later it is another flight


def flights_schema(as_of: date) -> "pa.DataFrameSchema":
    """Types, ranges and completeness of the raw table as of a day."""
    import pandera.pandas as pa

    delay = pa.Check.in_range(LEAST_DELAY, MOST_DELAY, include_max=False, error="a possible delay in minutes")
    clock = pa.Check.in_range(0, 2400, error="a time of day as hhmm")
    code = pa.Check.str_matches(r"^[A-Z]{3}$", error="an airport code")
    columns = {
        "year": pa.Column("int64", pa.Check.in_range(1987, 2100, error="a year")),
        "month": pa.Column("int64", pa.Check.in_range(1, 12, error="a month")),
        "day": pa.Column("int64", pa.Check.in_range(1, 31, error="a day")),
        "dep_time": pa.Column("float64", clock, nullable=True),
        "sched_dep_time": pa.Column("int64", clock),
        "dep_delay": pa.Column("float64", delay, nullable=True),
        "arr_time": pa.Column("float64", clock, nullable=True),
        "sched_arr_time": pa.Column("int64", clock),
        "arr_delay": pa.Column("float64", delay, nullable=True),
        "carrier": pa.Column("str", pa.Check.isin(AIRLINES, error="a carrier in the list of airlines")),
        "flight": pa.Column("int64", pa.Check.gt(0, error="a flight number")),
        "tailnum": pa.Column("str", nullable=True),
        "origin": pa.Column("str", pa.Check.isin(AIRPORTS, error="an airport of New York")),
        "dest": pa.Column("str", code),
        "air_time": pa.Column("float64", pa.Check.gt(0, error="a time in the air"), nullable=True),
        "distance": pa.Column("int64", pa.Check.gt(0, error="a distance in miles")),
        "hour": pa.Column("int64", pa.Check.in_range(0, 24, error="an hour")),
        "minute": pa.Column("int64", pa.Check.in_range(0, 59, error="a minute")),
        "time_hour": pa.Column("str", pa.Check.str_matches(r"^\d{4}-\d\d-\d\dT\d\d:00:00Z$", error="an hour in UTC")),
        "known": pa.Column("bool"),
    }
    checks = [
        pa.Check(_arrived_if_landed, error="a flight with an arrival delay has departed"),
        pa.Check(_nothing_from_the_future, error="no outcome after the as-of day"),
        pa.Check(lambda raw: _every_day(raw, as_of), error=f"flights on every day from the first month to {as_of}"),
        pa.Check(_enough_history, error=f"at least {HISTORY} months of history"),
    ]
    return pa.DataFrameSchema(columns, checks=checks, strict=True, ordered=True)


def _arrived_if_landed(raw: "pd.DataFrame") -> "pd.Series":
    return raw["arr_delay"].isna() | raw["dep_time"].notna()


def _nothing_from_the_future(raw: "pd.DataFrame") -> "pd.Series":
    return raw["known"] | raw[[*OUTCOMES, "tailnum"]].isna().all(axis=1)


def _every_day(raw: "pd.DataFrame", as_of: date) -> bool:
    import pandas as pd

    known = raw.loc[raw["known"], ["year", "month", "day"]].drop_duplicates()
    days = pd.to_datetime(known, errors="coerce")
    return bool(pd.date_range(days.min().replace(day=1), pd.Timestamp(as_of)).isin(days).all())


def _enough_history(raw: "pd.DataFrame") -> bool:
    return len(raw.loc[raw["known"], ["year", "month"]].drop_duplicates()) >= HISTORY
