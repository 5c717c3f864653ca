"""Test the snapshot; quarantine it when a test fails."""

from posterity.data.checks import run_checks
from posterity.data.snapshot import load, quarantine
from posterity.errors import DataTestError
from posterity.report.data import checks_section
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage


def work(context: Context) -> Result:
    """Run every data test of the model on the raw table."""
    snapshot = context.reference("snapshot")
    raw = load(context.store, snapshot)
    report = run_checks(context.model, raw, parse_day(context.inputs["as_of"]))
    failed = [test for test in report.tests if not test.passed]
    error = None
    if failed:
        names = "; ".join(test.message for test in failed[:3])
        quarantine(context.store, snapshot, names)
        digest = snapshot.key.split("/")[1][:12]
        error = DataTestError(
            f"snapshot {digest} failed {len(failed)} of {len(report.tests)} data tests and is quarantined: {names}; "
            "correct the source and run again"
        )
    values = {"tests": len(report.tests), "tests_failed": len(failed), "share_passed": report.share}
    return Result(values=values, section=checks_section(report), error=error)


STAGE = Stage(work, uses=("schema", "row_keys"))
