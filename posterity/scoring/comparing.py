"""Two products held against each other, row by row: how far predictions moved, and which moved most."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity.data.product import column
from posterity.errors import SettingsError
from posterity.model.contract import Quantity

if TYPE_CHECKING:
    import pandas as pd

OLD, NEW = "_before", "_now"
LOW, HIGH = 0.05, 0.95  # levels of the intervals that are compared


@dataclass(frozen=True)
class Side:
    """One of the two products. label: what it is called; facts: what else there is to know of it; predictions: rows."""

    label: str
    facts: Mapping[str, str]
    keys: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    predictions: "pd.DataFrame"


@dataclass(frozen=True)
class QuantityChange:
    """How one quantity changed over the rows that both have.

    before, now: average of the means; change: median |change of the mean|, in the quantity's unit; sds, most_sds: the
    median and the largest |change| in standard deviations of the first; apart: share of the rows whose 90 % intervals
    have nothing in common; width: median ratio of the widths of these intervals, second to first.
    """

    quantity: str
    unit: str
    before: float
    now: float
    change: float
    sds: float
    most_sds: float
    apart: float
    width: float


@dataclass(frozen=True)
class Moved:
    """A row that moved: mean and 90 % interval before and now, and the change in standard deviations of the first."""

    quantity: str
    key: str
    before: float
    before_interval: tuple[float, float]
    now: float
    now_interval: tuple[float, float]
    sds: float


@dataclass(frozen=True)
class Comparison:
    """What came out. facts: what there is to know of each, of the first and of the second; rows: in both, in the first
    only, in the second only; moved: the rows that moved most in standard deviations, for each quantity; table: the rows
    of both, columns of the first with the suffix OLD and of the second with NEW."""

    before: str
    now: str
    facts: tuple[tuple[str, str, str], ...]
    rows: tuple[int, int, int]
    quantities: tuple[QuantityChange, ...]
    moved: tuple[Moved, ...]
    shared: tuple[Quantity, ...]
    table: "pd.DataFrame"

    def to_dict(self) -> dict[str, Any]:
        """The figures without the rows, as JSON values."""
        return {
            "before": self.before,
            "now": self.now,
            "facts": [dict(zip(("what", "before", "now"), row, strict=True)) for row in self.facts],
            "rows": dict(zip(("both", "before_only", "now_only"), self.rows, strict=True)),
            "quantities": [asdict(item, dict_factory=_finite) for item in self.quantities],
            "moved": [asdict(item, dict_factory=_finite) for item in self.moved],
        }


def compare_products(before: Side, now: Side, most: int = 10) -> Comparison:
    """Hold the rows of `now` against those of `before`; `most` rows of each quantity are told of.

    Raises SettingsError where the two have other keys, no quantity or no row in common.
    """
    if before.keys != now.keys:
        raise SettingsError(
            f"{before.label} has rows by {', '.join(before.keys)} and {now.label} by {', '.join(now.keys)}: "
            "only products with the same keys can be compared"
        )
    names = {quantity.name for quantity in before.quantities}
    shared = tuple(quantity for quantity in now.quantities if quantity.name in names)
    table = before.predictions.merge(now.predictions, on=list(now.keys), suffixes=(OLD, NEW))
    if not shared or table.empty:
        what = "quantity" if not shared else "row"
        raise SettingsError(f"{before.label} and {now.label} have no {what} in common; compare others")
    both = len(table)
    return Comparison(
        before=before.label,
        now=now.label,
        facts=tuple(
            (name, before.facts.get(name, "none"), now.facts.get(name, "none"))
            for name in dict.fromkeys([*before.facts, *now.facts])
        ),
        rows=(both, len(before.predictions) - both, len(now.predictions) - both),
        quantities=tuple(_change(table, quantity) for quantity in shared),
        moved=tuple(row for quantity in shared for row in _moved(table, now.keys, quantity, most)),
        shared=shared,
        table=table,
    )


def values(table: "pd.DataFrame", quantity: Quantity, statistic: str | float) -> tuple[Any, Any]:
    """A statistic of all rows, before and now."""
    name = column(quantity.name, statistic)
    return tuple(table[f"{name}{side}"].to_numpy(dtype=float) for side in (OLD, NEW))  # type: ignore[return-value]


def in_sds(table: "pd.DataFrame", quantity: Quantity) -> Any:
    """Change of each row's mean in standard deviations before; 0 where nothing changed, infinite where one was sure."""
    mean, now = values(table, quantity, "mean")
    sd, _ = values(table, quantity, "sd")
    change = now - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(change == 0, 0.0, change / sd)


def _change(table: "pd.DataFrame", quantity: Quantity) -> QuantityChange:
    mean, now = values(table, quantity, "mean")
    low, high = values(table, quantity, LOW), values(table, quantity, HIGH)
    sds = np.abs(in_sds(table, quantity))
    widths = [high[side] - low[side] for side in (0, 1)]
    wide = widths[0] > 0
    apart = (low[1] > high[0]) | (high[1] < low[0])
    return QuantityChange(
        quantity=quantity.name,
        unit=quantity.unit,
        before=float(np.nanmean(mean)),
        now=float(np.nanmean(now)),
        change=float(np.nanmedian(np.abs(now - mean))),
        sds=float(np.nanmedian(sds)),
        most_sds=float(np.nanmax(sds)),
        apart=float(apart.mean()),
        width=float(np.nanmedian(widths[1][wide] / widths[0][wide])) if wide.any() else 1.0,
    )


def _moved(table: "pd.DataFrame", keys: Sequence[str], quantity: Quantity, most: int) -> Iterator[Moved]:
    mean, low, high = (values(table, quantity, name) for name in ("mean", LOW, HIGH))
    sds = in_sds(table, quantity)
    size = np.nan_to_num(np.abs(sds), posinf=np.finfo(float).max)
    order = np.argsort(-size, kind="stable")
    for place in (int(place) for place in order[:most] if size[place]):
        yield Moved(
            quantity=quantity.name,
            key=" ".join(str(table[name].iloc[place]) for name in keys),
            before=float(mean[0][place]),
            before_interval=(float(low[0][place]), float(high[0][place])),
            now=float(mean[1][place]),
            now_interval=(float(low[1][place]), float(high[1][place])),
            sds=float(sds[place]),
        )


def _finite(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Names and values with null for what JSON has no number for."""
    return {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in pairs}
