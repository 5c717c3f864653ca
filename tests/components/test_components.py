"""The components as the backend calls them: plain values and kfp's artifacts in, files and logged metrics out."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from posterity.errors import CorruptError, DataTestError
from posterity.runs import ORDER, RunLog
from posterity.store import Reference, digest_bytes
from tests.bench import Bench

KINDS = {"snapshot", "clean", "features", "plan", "posterior", "product", "scores", "drift", "version"}


def test_every_stage_is_the_one_component_of_a_file() -> None:
    files = {path.stem for path in (Path(__file__).parents[2] / "components").glob("*.py")} - {"__init__", "stage"}
    assert files == set(ORDER)
    for name in files:
        module = import_module(f"components.{name}")
        assert getattr(module, name).name == name.replace("_", "-")


def test_artifacts_are_references_to_what_is_in_the_store_and_reports_are_pages(ran: Bench) -> None:
    made = ran.made()
    references = {name: Reference.read(made[name].path) for name in KINDS}
    for name, reference in references.items():
        assert reference.kind == name
        assert digest_bytes(reference.fetch(ran.store)) == reference.sha256
        assert Path(made[name].path).stat().st_size < 20_000, "bytes live in the store, once"
    for stage, name in (("ingest", "snapshot"), ("check_data", "metrics"), ("plan", "plan"), ("register", "version")):
        page = Path(made[f"report-{name}"].path).read_text()
        assert page.startswith("<!DOCTYPE html>"), stage
    chains = [json.loads(Reference.read(part.path).fetch(ran.store))["chains"] for part in made["draws"]]
    assert [[chain["chain"] for chain in part] for part in chains] == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("stage", "names"),
    [
        ("check_data", {"tests", "tests_failed", "share_passed"}),
        ("diagnose", {"rhat_max", "ess_min", "divergences"}),
        ("evaluate", set()),
    ],
)
def test_figures_are_logged_where_the_dashboard_shows_them(ran: Bench, stage: str, names: set[str]) -> None:
    logged = ran.run("again", until=stage)["metrics"].metadata
    assert names <= set(logged)
    assert all(isinstance(value, int | float) for value in logged.values())
    assert logged == RunLog(ran.store, "again").stage(stage).values.get("metrics", logged)


def test_values_are_what_the_graph_expects_of_them(ran: Bench) -> None:
    assert ran.run("again", until="plan")["shards"] == ["0,2", "1,3"]
    made, common = ran.made(), {"run": "again", "job": "job", "model": ran.model, "as_of": ran.as_of}
    new = {name: ran.artifact("again", name) for name in ("drift", "version", "report")}
    given = {name: made[name] for name in ("clean", "posterior", "scores")}
    assert ran.call("detect_drift", **common, **given, drift=new["drift"], report=new["report"]) == "no-baseline"
    given = {name: made[name] for name in KINDS - {"version"}}
    pages = {name: ran.artifact("again", name) for name in ("summary", "metrics", "lineage")}
    assert ran.call("register", **common, **given, **pages, version=new["version"], report=new["report"]) == 1


def test_a_stage_that_refuses_leaves_its_report_and_no_artifact(bench: Bench) -> None:
    bench.source.write_text(bench.source.read_text().replace("a,2026-01-05,", "a,2026-01-05,-"))
    with pytest.raises(DataTestError, match="not negative"):
        bench.run("run", until="check_data")
    assert "not negative" in Path(bench.artifact("run", "report-metrics").path).read_text()
    assert not Path(bench.artifact("run", "clean").path).exists()


def test_a_file_that_is_no_artifact_is_named(bench: Bench) -> None:
    wrong = bench.artifact("run", "clean")
    Path(wrong.path).write_text("half a refer")
    made = {"features": bench.artifact("run", "features"), "report": bench.artifact("run", "report")}
    with pytest.raises(CorruptError, match="clean is not a reference"):
        bench.call("engineer_features", run="run", job="job", model=bench.model, clean=wrong, **made)
    assert RunLog(bench.store, "run").stage("engineer_features").status == "failed"
