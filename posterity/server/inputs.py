"""The rows that were scored last, held against what the model was trained on.

Each worker keeps its last rows of each version and writes them, once a second if there are new ones, into the folder
that the workers share; whichever worker is asked for the metrics compares the rows of all of them.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Mapping
from glob import escape
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from posterity.data.tables import from_parquet, load_table, to_parquet
from posterity.errors import PosterityError
from posterity.registry.versions import Version
from posterity.scoring.columns import Columns
from posterity.server.workers import is_alive, own_file, shared_folder
from posterity.stats.inputs import InputDrift, compare_columns
from posterity.store import ObjectStore, Reference

LAST = 1000  # rows of a version that a worker keeps
LEAST = 100  # rows from which on they are compared: of fewer, chance alone makes a distance
TRAINED = 5000  # rows of the training data that they are compared with
VERSIONS = 4  # whose rows a worker keeps; the longest unused go first
PREFIX = "inputs@"

About = tuple[str, str]
Kept = dict[str, list[object]]

log = logging.getLogger(__name__)


class Seen:
    """The last rows that a worker has scored, by version; for the thread of the event loop."""

    def __init__(self) -> None:
        self._versions: OrderedDict[About, dict[str, deque[object]]] = OrderedDict()
        self._new: set[About] = set()

    def add(self, about: About, columns: Columns) -> None:
        """Remember rows that were scored with a version."""
        kept = self._versions.get(about)
        if kept is None:
            kept = self._versions[about] = {name: deque(maxlen=LAST) for name in columns}
        for name, values in columns.items():
            kept[name].extend(values[-LAST:].tolist())
        self._new.add(about)
        self._versions.move_to_end(about)
        while len(self._versions) > VERSIONS:
            self._new.discard(self._versions.popitem(last=False)[0])

    def take(self) -> dict[About, Kept]:
        """What is to be written: the last rows of each version that has new ones."""
        new, self._new = self._new, set()
        return {about: {name: list(values) for name, values in self._versions[about].items()} for about in new}


def write(seen: Mapping[About, Kept]) -> None:
    """Write rows to where all workers' come together."""
    for (model, number), columns in seen.items():
        try:
            data = to_parquet(pd.DataFrame(columns))
        except PosterityError as error:
            log.warning("the inputs of %s/%s cannot be compared: %s", model, number, error)
            continue
        path = own_file(f"{PREFIX}{quote(model, safe='')}@{number}@")
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(data)
        part.rename(path)


def gathered(about: About) -> pd.DataFrame:
    """The last rows that living workers have scored with a version."""
    model, number = about
    paths = shared_folder().glob(f"{PREFIX}{escape(quote(model, safe=''))}@{number}@*[0-9]")
    tables = [from_parquet(path.read_bytes()) for path in paths if is_alive(int(path.name.rpartition("@")[2]))]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def trained_on(store: ObjectStore, version: Version) -> Columns:
    """What the columns that are scored looked like in training: in the feature table or, for what only the rows to be
    predicted have (such as exposures), in those. Raises NotFoundError, CorruptError, UnavailableError."""
    features = load_table(store, version.references["features"])
    targets = load_table(store, Reference(**version.references["product"].meta["targets"]))
    return {name: _spread((features if name in features else targets)[name].to_numpy()) for name in map(str, targets)}


def compared(trained: Columns, rows: pd.DataFrame) -> tuple[InputDrift, ...]:
    """How far each column is from what it was in training."""
    return compare_columns(trained, {str(name): rows[name].to_numpy() for name in rows})


def _spread(values: Any) -> Any:
    """At most TRAINED values of a column, evenly spaced."""
    return values[np.linspace(0, len(values) - 1, min(len(values), TRAINED)).astype(int)]
