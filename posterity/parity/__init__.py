"""Parity: does the pipeline give the numbers of the script that it replaces?

`record` taps the variables of an unmodified script, `load_legacy` reads whatever exists of its runs, `compare` holds
that against a run of the pipeline, `picture` draws the result. docs/parity.md is the guide.
"""

from posterity.parity.compare import compare
from posterity.parity.fingerprint import Fingerprint, table_digest
from posterity.parity.loading import compare_with, load_legacy
from posterity.parity.names import Names
from posterity.parity.picture import picture
from posterity.parity.report import Finding, ParityReport, Scores, StageParity
from posterity.parity.sides import LegacyRun, Moments, PipelineRun

__all__ = [
    "Finding",
    "Fingerprint",
    "LegacyRun",
    "Moments",
    "Names",
    "ParityReport",
    "PipelineRun",
    "Scores",
    "StageParity",
    "compare",
    "compare_with",
    "load_legacy",
    "picture",
    "table_digest",
]
