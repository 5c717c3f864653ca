"""Read what exists of a legacy run: a folder of the recorder, any folder with its files, or one final table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity.data.posterior import Posterior
from posterity.errors import CorruptError, NotFoundError, SourceError
from posterity.parity.compare import LEVEL, compare
from posterity.parity.fingerprint import Fingerprint
from posterity.parity.moments import rounding
from posterity.parity.names import Names
from posterity.parity.report import ParityReport
from posterity.parity.sides import LegacyRun, Moments, PipelineRun
from posterity.store import digest_file

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".parquet", ".csv", ".csv.gz", ".csv.zip")
STATISTICS = ("mean", "sd", "mcse_mean", "mcse_sd")


def compare_with(path: Path, pipeline: PipelineRun, names: Path | None = None, level: float = LEVEL) -> ParityReport:
    """Compare what lies at `path` with a run of the pipeline; the whole of `posterity compare`, printing nothing.

    names: a map file; without it, that of the record, or `parity.json` in the folder, is taken.

    Raises NotFoundError, SourceError, CorruptError, SettingsError.
    """
    return compare(load_legacy(path, names), pipeline, level)


def load_legacy(path: Path, names: Path | None = None) -> LegacyRun:
    """Read a legacy run.

    A file is its final table (CSV or Parquet). A folder has any of raw, clean, features and predictions (`.parquet`
    or `.csv`; a CSV alone, whatever its name, is the predictions), `posterior.npz` (arrays of shape (chains, draws,
    …)), `posterior.nc` (ArviZ InferenceData) or `posterior.csv` (as of `arviz.summary`), `record.json` where the
    recorder wrote it, and `tables.json` with digests of tables that were not kept (stage → rows, columns, sha256 as
    of `posterity.parity.fingerprint.table_digest`).

    Raises NotFoundError when there is nothing, SourceError on a file that cannot be read, CorruptError on one that is
    not what the recorder wrote, SettingsError on a bad map.
    """
    if path.is_file():
        return LegacyRun(path.name, product=_read(path), names=Names.read(names) if names else Names())
    if not path.is_dir():
        raise NotFoundError(f"{path}: no such file or folder; name a final table or the folder of a legacy run")
    facts = _record(path)
    recorded = facts.get("stages", {})
    tables = {stage: _table(path, stage, recorded) for stage in ("raw", "clean", "features", "predictions")}
    digests = _digests(path)
    found = {stage: frame for stage, frame in tables.items() if frame is not None}
    product = found.pop("predictions", None)
    posterior = _posterior(path, recorded.get("posterior", {}))
    if product is None and not (stray := [*_csv_files(path)])[1:]:
        product = _read(stray[0]) if stray else None
    if not found and not digests and posterior is None and product is None:
        raise NotFoundError(f"{path} holds nothing of a run: no raw, clean, features, posterior or predictions")
    return LegacyRun(
        str(facts.get("script", path.name)),
        found,
        posterior,
        product,
        _names(path, names, facts),
        digests,
        {stage: why + _end(facts) for stage, why in facts.get("missing", {}).items()},
    )


def _record(folder: Path) -> Mapping[str, Any]:
    path = folder / "record.json"
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as error:
        raise CorruptError(f"{path} is not what the recorder wrote ({error}); record the script again") from error


def _digests(folder: Path) -> dict[str, Fingerprint]:
    path = folder / "tables.json"
    if not path.exists():
        return {}
    try:
        return {stage: Fingerprint(**facts) for stage, facts in json.loads(path.read_text()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise SourceError(f"{path} is no list of digests: {error}; it needs stage → rows, columns, sha256") from error


def _end(facts: Mapping[str, Any]) -> str:
    return "" if facts["ended"] == "at its end" else f"; it ended {facts['ended']}"


def _names(folder: Path, given: Path | None, facts: Mapping[str, Any]) -> Names:
    if given:
        return Names.read(given)
    if (folder / "parity.json").exists():
        return Names.read(folder / "parity.json")
    return Names.from_dict(facts.get("map", {}), str(folder / "record.json"))


def _table(folder: Path, stage: str, recorded: Mapping[str, Any]) -> "pd.DataFrame | None":
    paths = [folder / f"{stage}{ending}" for ending in ENDINGS]
    path = next((path for path in paths if path.exists()), None)
    if path:
        _verify(path, recorded.get(stage, {}))
    return _read(path) if path else None


def _read(path: Path) -> "pd.DataFrame":
    """A table, its numbers to the bit as they were written (pandas 3.1 reads floats back exactly)."""
    import pandas as pd

    from posterity.data.parquet import read_frame

    try:
        if path.suffix == ".parquet":
            return read_frame(path)
        return pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise SourceError(f"{path} cannot be read: {reason}; check that the file is a whole table") from error


def _csv_files(folder: Path) -> list[Path]:
    known = {f"{stage}.csv" for stage in ("raw", "clean", "features", "posterior")}
    return sorted(path for path in folder.glob("*.csv") if path.name not in known)


def _verify(path: Path, facts: Mapping[str, Any]) -> None:
    if facts.get("file") == path.name and digest_file(path) != facts["sha256"]:
        raise CorruptError(f"{path} is not what the recorder wrote: its SHA-256 is another; record the script again")


def _posterior(folder: Path, facts: Mapping[str, Any]) -> Posterior | Moments | None:
    arrays, file, summary = (folder / f"posterior.{ending}" for ending in ("npz", "nc", "csv"))
    try:
        if arrays.exists():
            _verify(arrays, facts)
            with np.load(arrays, allow_pickle=False) as values:
                return _posterior_of(dict(values), facts.get("dims", {}), facts.get("coords", {}))
        if file.exists():
            import xarray

            from posterity.parity.record import draws_of

            with xarray.open_dataset(file, group="posterior", engine="h5netcdf") as dataset:
                return _posterior_of(*draws_of(dataset.load()))
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(f"the posterior in {folder} cannot be read: {error}") from error
    return read_summary(_read(summary), str(summary)) if summary.exists() else None


def _posterior_of(arrays: Mapping[str, Any], dims: Mapping[str, Any], coords: Mapping[str, Any]) -> Posterior:
    values = {name: np.asarray(array, dtype=float) for name, array in arrays.items()}
    chains = range(next(iter(values.values())).shape[0])
    return Posterior(values, {}, list(chains), {name: tuple(axes) for name, axes in dims.items()}, dict(coords))


def read_summary(frame: "pd.DataFrame", origin: str) -> Moments:
    """A table as of `arviz.summary(...).to_csv(...)`: labels in the first column, mean, sd, mcse_mean, mcse_sd.

    Where an MCSE is missing it is taken from `ess_bulk`, or is unknown. Rounding counts as error.
    """
    if absent := [name for name in STATISTICS[:2] if name not in frame.columns]:
        raise SourceError(f"{origin} has no column {absent[0]!r}; write it with arviz.summary(idata).to_csv()")
    labels = tuple(str(label) for label in frame.iloc[:, 0])
    mean, sd, mcse_mean, mcse_sd = (_column(frame, name) for name in STATISTICS)
    if "ess_bulk" in frame.columns:
        error = sd / np.sqrt(frame["ess_bulk"].to_numpy(float))
        mcse_mean, mcse_sd = (np.where(np.isnan(known), error, known) for known in (mcse_mean, mcse_sd))
    # A rounded MCSE may be 0.000 or half of what it was.
    errors = [np.hypot(known + rounding(known), rounding(value)) for known, value in ((mcse_mean, mean), (mcse_sd, sd))]
    return Moments(tuple(label.partition("[")[0] for label in labels), labels, mean, sd, errors[0], errors[1])


def _column(frame: "pd.DataFrame", name: str) -> Any:
    return frame[name].to_numpy(float) if name in frame.columns else np.full(len(frame), np.nan)
