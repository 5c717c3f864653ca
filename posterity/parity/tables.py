"""Two tables that have to be equal to the bit."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posterity.parity.report import Finding, StageParity, verdict_of

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
EXAMPLES = 3


def compare_tables(
    stage: str,
    legacy: "pd.DataFrame",
    pipeline: "pd.DataFrame",
    keys: Sequence[str] = (),
    ignore: Sequence[str] = (),
    dtypes: Sequence[str] = (),
) -> StageParity:
    """Compare rows by `keys`, in whatever order they are; columns by name, values bit by bit, with NaN = NaN.

    Without keys, the first columns that identify the rows of both tables are taken. Rows that occur several times
    are matched one by one. dtypes: columns whose dtypes may differ, which is then only noted.
    """
    left, right = (frame.drop(columns=[c for c in ignore if c in frame.columns]) for frame in (legacy, pipeline))
    findings = [*_column_findings(left, right)]
    left_out = [(column, "the map says to ignore it") for column in ignore if column in {*legacy, *pipeline}]
    common = [str(column) for column in right.columns if column in left.columns]
    if not common:
        return StageParity(stage, "differs", "exact", findings=tuple(findings), left_out=tuple(left_out))
    left, right = left[common], right[common]
    changed, notes = _dtype_findings(left, right, dtypes)
    by = [key for key in keys if key in common] or find_keys(left, right)
    rows_left, rows_right, alone_left, alone_right = align(left, right, by)
    findings += _row_findings(left, right, by, alone_left, alone_right)
    values = list(_value_findings(left.iloc[rows_left], right.iloc[rows_right], by))
    findings += sorted(values, key=lambda finding: -finding.rows) + changed
    notes += [f"rows are matched by {', '.join(by)}"]
    return StageParity(
        stage,
        verdict_of(findings),
        "exact",
        len(rows_left) * len(common),
        tuple(findings),
        tuple(left_out),
        tuple(notes),
    )


def find_keys(left: "pd.DataFrame", right: "pd.DataFrame") -> list[str]:
    """The fewest first columns (numbers with a fraction left out) that identify the rows of both; else all columns."""
    exact = [column for column in right.columns if right[column].dtype.kind != "f"]
    for count in range(1, len(exact) + 1):
        by = exact[:count]
        if not left.duplicated(by).any() and not right.duplicated(by).any():
            return by
    return list(right.columns)


def align(
    left: "pd.DataFrame", right: "pd.DataFrame", by: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the rows that match, on both sides, and of those that only the left and only the right has."""
    sides = [_identities(frame, by) for frame in (left, right)]
    for key in by:
        columns = [side[key] for side in sides]
        numbers = all(_kind(column) in ("integer", "float") for column in columns)
        if columns[0].dtype != columns[1].dtype and not numbers:
            sides = [side.assign(**{key: side[key].astype(object).map(_text)}) for side in sides]
    merged = sides[0].merge(sides[1], on=[*by, "__occurrence"], how="outer", suffixes=("_l", "_r"))
    there = merged[["__position_l", "__position_r"]].notna().to_numpy()
    at_left, at_right = (merged[f"__position_{side}"].fillna(-1).to_numpy(np.intp) for side in "lr")
    both = there.all(axis=1)
    order = np.argsort(at_right[both], kind="stable")
    alone = at_left[~there[:, 1]], at_right[~there[:, 0]]
    return at_left[both][order], at_right[both][order], np.sort(alone[0]), np.sort(alone[1])


def _identities(frame: "pd.DataFrame", by: Sequence[str]) -> "pd.DataFrame":
    """The keys of each row, with a number among rows of the same key: in the order of their other columns."""
    identities = frame[list(by)].copy()
    identities["__position"] = np.arange(len(frame))
    identities["__occurrence"] = 0
    if frame.duplicated(list(by)).any():
        others = [column for column in frame.columns if column not in by]
        order = frame.reset_index(drop=True).sort_values(others).index if others else identities["__position"]
        ordered = identities.iloc[order.to_numpy()]
        counts = ordered.groupby(list(by), dropna=False, sort=False, observed=True).cumcount()
        identities.iloc[order.to_numpy(), -1] = counts.to_numpy()
    return identities


def differing(left: "pd.Series", right: "pd.Series") -> Mask:
    """Which rows of two columns differ: numbers by their bits, missing values are equal."""
    absent_left, absent_right = left.isna().to_numpy(bool), right.isna().to_numpy(bool)
    mask: Mask = absent_left != absent_right
    there = ~(absent_left | absent_right)
    mask[there] = _unequal(left[there], right[there])
    return mask


def _unequal(left: "pd.Series", right: "pd.Series") -> Mask:
    kinds = {_kind(left), _kind(right)}
    if kinds <= {"integer", "float"}:
        if "float" in kinds:
            bits = [side.to_numpy(np.float64).view(np.int64) for side in (left, right)]
            return np.asarray(bits[0] != bits[1])
        return np.asarray(left.to_numpy(np.int64) != right.to_numpy(np.int64))
    if len(kinds) == 1 and left.dtype == right.dtype and "category" not in kinds:
        return np.asarray(left.to_numpy() != right.to_numpy(), dtype=bool)
    texts = [side.astype(object).map(_text).to_numpy() for side in (left, right)]
    return np.asarray(texts[0] != texts[1], dtype=bool)


def _kind(column: "pd.Series") -> str:
    import pandas.api.types as types

    if isinstance(column.dtype, types.CategoricalDtype):
        return "category"
    if types.is_bool_dtype(column):
        return "boolean"
    if types.is_integer_dtype(column):
        return "integer"
    return "float" if types.is_float_dtype(column) else str(column.dtype)


def _text(value: object) -> str:
    return f"{value!r}" if isinstance(value, float) else str(value)


def _column_findings(left: "pd.DataFrame", right: "pd.DataFrame") -> Iterator[Finding]:
    for column in left.columns:
        if column not in right.columns:
            yield Finding(str(column), "column that only the legacy run has")
    for column in right.columns:
        if column not in left.columns:
            yield Finding(str(column), "column that only the pipeline has")


def _dtype_findings(
    left: "pd.DataFrame", right: "pd.DataFrame", declared: Sequence[str]
) -> tuple[list[Finding], list[str]]:
    findings, notes = [], []
    for column in right.columns:
        types = str(left[column].dtype), str(right[column].dtype)
        if types[0] != types[1] and column in declared:
            notes.append(f"{column} is {types[0]} in the legacy run and {types[1]} in the pipeline, as declared")
        elif types[0] != types[1]:
            findings.append(Finding(str(column), "dtype", *types))
    return findings, notes


def _row_findings(
    left: "pd.DataFrame",
    right: "pd.DataFrame",
    by: Sequence[str],
    alone_left: NDArray[np.intp],
    alone_right: NDArray[np.intp],
) -> Iterator[Finding]:
    for frame, alone, owner in ((left, alone_left, "legacy run"), (right, alone_right, "pipeline")):
        if len(alone):
            examples = [describe(frame, position, by) for position in alone[:EXAMPLES]]
            yield Finding("rows", f"only the {owner} has them", rows=len(alone), first="; ".join(examples))


def _value_findings(left: "pd.DataFrame", right: "pd.DataFrame", by: Sequence[str]) -> Iterator[Finding]:
    """A finding per column that differs in the rows that both have; the rows are matched already."""
    for column in right.columns:
        mask = differing(left[column], right[column])
        if mask.any():
            first = int(np.argmax(mask))
            before, now = (_text(side[column].iloc[first]) for side in (left, right))
            where = describe(right, first, by)
            yield Finding(str(column), "values", before, now, rows=int(mask.sum()), first=where)


def describe(frame: "pd.DataFrame", position: int, by: Sequence[str]) -> str:
    """The keys of one row, `carrier=AA, origin=JFK`."""
    row = frame.iloc[position]
    return ", ".join(f"{key}={row[key]}" for key in by)
