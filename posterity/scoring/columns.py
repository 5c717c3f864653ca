"""Values that came from outside as columns of a known type."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posterity.errors import SettingsError

Columns = dict[str, NDArray[Any]]
KINDS = {"i": "whole numbers", "u": "whole numbers", "f": "numbers", "b": "true or false"}


def check_column(name: str, values: Sequence[Any], dtype: Any) -> NDArray[Any]:
    """`values` as an array of the type `dtype` of a data frame. Raises SettingsError naming the first that is none."""
    kind = getattr(dtype, "kind", "O")
    if kind in KINDS:
        return _numbers(name, values, dtype, KINDS[kind])
    if kind == "M":
        return _times(name, values, dtype)
    for place, value in enumerate(values):
        if not isinstance(value, str):
            raise _refusal(name, place, value, "text")
    return np.asarray(values, dtype=object)


def _numbers(name: str, values: Sequence[Any], dtype: Any, wanted: str) -> NDArray[Any]:
    kinds = {bool} if dtype.kind == "b" else {int, float}
    if not set(map(type, values)) <= kinds:
        place = next(place for place, value in enumerate(values) if type(value) not in kinds)
        raise _refusal(name, place, values[place], wanted)
    floats = np.asarray(values, dtype=float)
    wrong = ~np.isfinite(floats)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        wrong |= (floats != np.floor(floats)) | (floats < limits.min) | (floats >= float(limits.max) + 1)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise _refusal(name, place, values[place], wanted)
    return np.asarray(values).astype(dtype)


def _times(name: str, values: Sequence[Any], dtype: Any) -> NDArray[Any]:
    try:
        return np.asarray(pd.to_datetime(pd.Series(list(values), dtype=object), format="ISO8601").astype(dtype))
    except (ValueError, TypeError) as error:
        raise SettingsError(f"column {name} holds what is no time ({error}); write 2026-03-31T12:00:00") from error


def _refusal(name: str, place: int, value: Any, wanted: str) -> SettingsError:
    return SettingsError(f"column {name} holds {value!r} in row {place}, but takes {wanted}")
