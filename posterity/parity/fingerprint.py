"""Tables of which only a digest was kept."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posterity.parity.report import Finding, StageParity, verdict_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Fingerprint:
    """What `tables.json` says of a table: rows, the names of its columns, and `table_digest`."""

    rows: int
    columns: Sequence[str]
    sha256: str


def table_digest(frame: "pd.DataFrame") -> str:
    """SHA-256 over the names and dtypes of the columns and pandas' hash of every row, in their order."""
    import pandas as pd

    head = json.dumps([[name, str(dtype)] for name, dtype in frame.dtypes.items()]).encode()
    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(head + rows.tobytes()).hexdigest()


def compare_digest(stage: str, legacy: Fingerprint, pipeline: "pd.DataFrame") -> StageParity:
    """Compare a table with the digest of the other run's; which value differs cannot be said."""
    findings = []
    own = [str(name) for name in pipeline.columns]
    if legacy.rows != len(pipeline):
        findings.append(Finding("rows", "their number", f"{legacy.rows:,}", f"{len(pipeline):,}"))
    for name in dict.fromkeys([*legacy.columns, *own]):
        if name not in own or name not in legacy.columns:
            owner = "pipeline" if name in own else "legacy run"
            findings.append(Finding(name, f"column that only the {owner} has"))
    digest = table_digest(pipeline)
    if not findings and legacy.sha256 != digest:
        findings.append(Finding("table", "digest of values, dtypes or order", legacy.sha256[:12], digest[:12]))
    note = "only the digest of the legacy run's table was kept; record it to learn which values differ"
    return StageParity(stage, verdict_of(findings), "exact", pipeline.size, tuple(findings), notes=(note,))
