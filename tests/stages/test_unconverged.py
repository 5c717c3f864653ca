"""Nothing unconverged is published: models that cannot converge are stopped by the gate, which says why."""

from pathlib import Path

import pytest

from posterity.errors import GateError
from posterity.registry import versions
from posterity.runs import RunLog
from tests.bench import Bench
from tests.unruly import HERE, Funnel


def run(bench: Bench, model: str) -> None:
    """Run one of the models that cannot converge, on a table of one row, as `unruly`."""
    bench.model = f"{HERE}:{model}"
    bench.source = bench.folder / "keys.csv"
    bench.source.write_text("key\na\n")
    bench.run("unruly")


@pytest.mark.parametrize(("model", "reason"), [("TwoModes", "chains disagree about x"), ("Funnel", "diverged|E-BFMI")])
def test_the_gate_stops_it_and_nothing_is_published(bench: Bench, model: str, reason: str) -> None:
    with pytest.raises(GateError, match=reason):
        run(bench, model)
    log = RunLog(bench.store, "unruly")
    stages = {record.stage: record for record in log.stages()}
    assert stages["diagnose"].values["verdict"] == "fail"
    assert "predict" not in stages
    assert versions.models(bench.store) == []
    assert not list(bench.store.list("products/"))
    page = Path(bench.artifact("unruly", "report-posterior").path).read_text()
    assert "R-hat" in page, "the report with its pictures is kept"


def test_the_gate_allows_the_divergences_that_the_model_declares(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Funnel, "divergence_budget", 0.002)
    with pytest.raises(GateError, match=r"of 2000 draws diverged \(4 allowed\)"):
        run(bench, "Funnel")
