"""The two sides of a comparison, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posterity.data.posterior import Posterior
from posterity.parity.fingerprint import Fingerprint
from posterity.parity.names import Names

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of n quantities with their MCSE, arrays of shape (n,).

    parameters: the parameter that each quantity belongs to; labels: `parameter` or `parameter[label]`, as ArviZ
    writes them. MCSE that are not known are NaN.
    """

    parameters: tuple[str, ...]
    labels: tuple[str, ...]
    mean: Array
    sd: Array
    mcse_mean: Array
    mcse_sd: Array


@dataclass(frozen=True)
class LegacyRun:
    """What exists of a run of the old script.

    tables: `raw`, `clean`, `features`, as far as they exist; digests: of those that do not any more; posterior: its
    draws or a summary of them; product: the final table; missing: stage → why it does not exist, where that is known.
    """

    name: str
    tables: Mapping[str, "pd.DataFrame"] = field(default_factory=dict)
    posterior: Posterior | Moments | None = None
    product: "pd.DataFrame | None" = None
    names: Names = field(default_factory=Names)
    digests: Mapping[str, Fingerprint] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineRun:
    """A run of the pipeline: the same, with the columns named by the model.

    product: columns as of `posterity.data.product`; keys: what identifies its rows; row_keys: what identifies a raw
    row; exposures: quantity → column with the number of trials, None for a quantity that has none.
    """

    name: str
    tables: Mapping[str, "pd.DataFrame"] = field(default_factory=dict)
    posterior: Posterior | None = None
    product: "pd.DataFrame | None" = None
    row_keys: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    exposures: Mapping[str, str | None] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
