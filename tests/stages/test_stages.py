"""All stages, run through their components on a small model."""

import json
from pathlib import Path

import pytest

from posterity import Draws, Estimand, reported
from posterity.data.product import load_product
from posterity.errors import (
    CorruptError,
    DataTestError,
    GateError,
    ModelError,
    NotFoundError,
    SettingsError,
    SourceError,
)
from posterity.registry import aliases, success, versions
from posterity.runs import RunLog
from posterity.store import Reference
from tests.bench import Bench
from tests.shop import CASHIER, Shop


def statuses(bench: Bench, run: str) -> dict[str, str]:
    return {record.name: record.status for record in RunLog(bench.store, run).stages()}


def test_a_run_ends_with_a_registered_version(ran: Bench) -> None:
    version = versions.get(ran.store, "shop")
    assert version.label == "shop/1"
    assert version.gate == "pass"
    assert version.drift == "no-baseline"
    assert aliases.current(ran.store, "shop", "candidate") == 1
    product = load_product(ran.store, version.references["product"])
    assert list(product.predictions["shop"]) == list("abcdef")
    assert (product.predictions["sales_q05"] < product.predictions["sales_q95"]).all()
    assert product.facts.valid_until.isoformat() == "2026-03-31"
    assert set(statuses(ran, "first").values()) == {"ran"}


def test_a_second_run_does_nothing_again(ran: Bench) -> None:
    ran.run("second")
    found = statuses(ran, "second")
    assert found.pop("notify") == "ran"
    assert set(found.values()) == {"reused"}
    assert len(versions.search(ran.store, "shop")) == 1
    last = success.last(ran.store, "shop")
    assert last
    assert (last.run, last.version) == ("second", "shop/1"), "a run that finds its version succeeds too"


def test_a_run_that_gives_nothing_new_is_an_experiment_run_all_the_same(ran: Bench, registry: str) -> None:
    from mlflow import MlflowClient

    ran.run("repeated")
    client = MlflowClient(tracking_uri=registry, registry_uri=registry)
    experiment = client.get_experiment_by_name("shop").experiment_id
    (run,) = client.search_runs([experiment], "tags.posterity_run = 'repeated'")
    assert (run.info.status, run.data.tags["version"]) == ("FINISHED", "shop/1")
    version = versions.get(ran.store, "shop/1")
    assert {name: float(value) for name, value in run.data.metrics.items()} == pytest.approx(version.metrics)
    assert run.data.params["seed"] == str(version.parameters["seed"])


@pytest.mark.parametrize("shards", ["1", "3", "4"])
def test_shards_change_no_number(ran: Bench, shards: str) -> None:
    first = Reference.read(ran.made()["posterior"].path)
    ran.store.delete(first.key)
    for key in list(ran.store.list("plans/")) + list(ran.store.list("cache/")):
        if "/chains/" in key or key.startswith("cache/diagnose"):
            ran.store.delete(key)
    ran.shards = shards
    again = Reference.read(ran.run("again", until="diagnose")["posterior"].path)
    assert again.sha256 == first.sha256


def test_further_chains_reuse_those_there(ran: Bench) -> None:
    ran.chains, ran.shards = 6, "2"
    ran.run("more", until="sample")
    sampled = sum(record.values["sampled"] for record in RunLog(ran.store, "more").stages() if record.stage == "sample")
    assert sampled == 2


def test_a_changed_setting_runs_only_what_depends_on_it(ran: Bench) -> None:
    ran.chains = 5
    ran.run("second")
    found = statuses(ran, "second")
    reused = {name for name, status in found.items() if status == "reused"}
    assert reused == {"ingest", "check_data", "preprocess", "engineer_features", "sample.1,3"}
    why = RunLog(ran.store, "second").stage("plan").why
    assert why == "changed: chains"


def test_the_dashboard_sees_verdicts_version_metrics_and_lineage(bench: Bench) -> None:
    made = bench.run()
    summary = Path(made["summary"].path).read_text()
    assert "**Registered as `shop/1`.**" in summary
    assert "| gate | **pass** (rhat_max" in summary
    assert "| shop | sales |" in summary
    assert "- run: `r`, from outside" in summary
    assert made["version"].metadata["version"] == "shop/1"
    assert made["metrics"].metadata["rhat_max"] < 1.05
    assert "posterity reproduce shop/1" in Path(made["lineage"].path).read_text()
    report = (bench.folder / "artifacts" / "r" / "report-version").read_text()
    assert "Registered as shop/1." in report
    assert "Data tests" in report


def test_a_stage_in_a_pod_names_pod_and_pipeline(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_POD_NAME", "pod-1")
    monkeypatch.setenv("POSTERITY_DASHBOARD_URL", "http://dashboard/")
    bench.run("", until="ingest")
    log = RunLog(bench.store, "job")
    assert log.facts()["job"] == "job"
    assert log.facts()["link"] == "http://dashboard/#/runs/details/job"
    assert log.stage("ingest").pods == ("pod-1",)


def test_a_retry_after_a_refusal_does_no_work(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend repeats a stage whatever its exit code was."""
    good = bench.source.read_text()
    bench.source.write_text(good.replace("a,2026-01-05,", "a,2026-01-05,-"))
    monkeypatch.setenv("KFP_POD_NAME", "pod-1")
    with pytest.raises(DataTestError, match="not negative"):
        bench.run("r")
    monkeypatch.setenv("KFP_POD_NAME", "pod-2")
    monkeypatch.setenv("KFP_RETRY_INDEX", "1")
    monkeypatch.setattr("posterity.stages.check_data.run_checks", lambda *_: 1 / 0)
    arguments = {name: bench.artifact("r", name) for name in ("snapshot", "metrics", "report")}
    with pytest.raises(DataTestError, match="not negative"):
        Bench.call("check_data", run="r", job="job", model=bench.model, as_of=bench.as_of, **arguments)
    assert RunLog(bench.store, "r").stage("check_data").pods == ("pod-1", "pod-2")


def test_a_retry_after_a_fault_does_the_work(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_POD_NAME", "pod-1")
    with monkeypatch.context() as broken:
        broken.setattr("posterity.stages.ingest.take", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bench.run("r", until="ingest")
    monkeypatch.setenv("KFP_RETRY_INDEX", "1")
    bench.run("r", until="ingest")
    assert statuses(bench, "r") == {"ingest": "ran"}


def test_the_time_of_a_recurring_run_is_its_day(bench: Bench) -> None:
    bench.run("first", until="check_data")
    bench.as_of = "20260228031500"
    bench.run("second", until="check_data")
    assert set(statuses(bench, "second").values()) == {"reused"}
    assert RunLog(bench.store, "second").parameters()["as_of"] == "2026-02-28"


def test_bad_data_is_refused_and_quarantined(ran: Bench) -> None:
    product = versions.get(ran.store, "shop").product
    bad = ran.source.read_text().replace("a,2026-01-05,", "a,2026-01-05,-")
    ran.source.write_text(bad)
    with pytest.raises(DataTestError, match="not negative"):
        ran.run("bad")
    record = RunLog(ran.store, "bad").stage("check_data")
    assert record.status == "failed"
    assert record.section, "the report names what failed"
    with pytest.raises(DataTestError, match="quarantined"):
        Bench.call(
            "preprocess",
            run="bad",
            job="job",
            model=ran.model,
            snapshot=ran.artifact("bad", "snapshot"),
            clean=ran.artifact("bad", "clean"),
            report=ran.artifact("bad", "report"),
        )
    assert versions.get(ran.store, "shop").product == product


def test_personal_data_never_reach_the_store(ran: Bench) -> None:
    for key in ran.store.list(""):
        assert CASHIER.encode() not in ran.store.get(key), key
    manifest = json.loads(ran.store.get(next(key for key in ran.store.list("snapshots/") if "manifest" in key)))
    assert manifest["personal"] == {"cashier": "drop"}


def test_outcomes_after_the_day_change_no_digest(ran: Bench) -> None:
    first = ran.made()
    lines = ran.source.read_text().splitlines()
    altered = [line.rsplit(",", 2)[0] + ",99.5,Ada" if line.split(",")[1] > ran.as_of else line for line in lines[1:]]
    ran.source.write_text("\n".join([lines[0], *altered]))
    second = ran.run("second", until="diagnose")
    for name in ("snapshot", "clean", "features", "plan", "posterior"):
        assert Reference.read(first[name].path).sha256 == Reference.read(second[name].path).sha256, name


def test_the_next_month_scores_the_last_product_and_compares_with_the_baseline(ran: Bench) -> None:
    aliases.move(ran.store, "shop", "baseline", 1, "a@b", "looks right")
    ran.as_of = "2026-03-31"
    ran.run("march")
    log = RunLog(ran.store, "march")
    assert log.stage("evaluate").values["metrics"]["crps"] < 5
    assert log.stage("evaluate").values["verdict"] == "pass"
    assert log.stage("detect_drift").values["verdict"] in {"stable", "warn"}
    assert versions.get(ran.store, "shop/2").metrics["crps"] > 0


def test_outcomes_that_servers_were_told_are_scored(bench: Bench) -> None:
    lines = bench.source.read_text().splitlines()
    bench.source.write_text("\n".join(line for line in lines if not line.startswith("f,2026-03")) + "\n")
    bench.run("one", until="register")
    entry = {"key": {"shop": "f"}, "values": {"sales": 35.0}, "comment": ""}
    reported.post_actuals(bench.store, "shop", 1, [entry, {**entry, "key": {"shop": "a"}}], "till")
    bench.as_of = "2026-03-31"
    made = bench.run("two", until="evaluate")
    scores = json.loads(Reference.read(made["scores"].path).fetch(bench.store))
    assert (scores["version"], scores["rows"]) == ("shop/1", 6)
    report = Path(f"{made['scores'].path.rpartition('/')[0]}/report-scores").read_text()
    assert "2 outcomes were reported to servers, and 1 of them are scored" in report
    assert RunLog(bench.store, "two").stage("ingest").values == {"reported": 2}


def test_drift_is_found_named_and_alerted(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.shop import write_sales

    write_sales(bench.source, shift_after=59, shift=15.0)
    bench.run("february")
    aliases.move(bench.store, "shop", "baseline", 1, "a@b", "looks right")
    bench.as_of = "2026-03-31"
    bench.run("march")
    log = RunLog(bench.store, "march")
    values = log.stage("detect_drift").values
    assert values["verdict"] == "drift"
    assert any("steady" in line for line in values["inspect"])
    assert log.stage("notify").values["alerts"] == ["march: drift against the baseline"]
    said = capsys.readouterr().err
    assert "level" in said
    assert "Look at recent days." in said
    assert versions.get(bench.store, "shop/2").drift == "drift", "drift warns, it hides nothing"


def test_an_estimand_may_have_the_name_of_a_parameter_and_labels_of_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def estimands(_: Shop, draws: Draws) -> list[Estimand]:
        return [Estimand("level", [shop.upper() for shop in draws.coords["shop"]], draws["level"], "items")]

    monkeypatch.setattr(Shop, "estimands", estimands)
    bench.run("r", until="diagnose")
    key = Reference.read(bench.artifact("r", "posterior").path).meta["estimands"]
    assert json.loads(bench.store.get(key))["labels"] == list("ABCDEF")


def test_a_missing_chain_is_refused(ran: Bench) -> None:
    made = ran.made()
    made["draws"].pop()
    arguments = {name: made[name] for name in ("clean", "features", "plan", "draws")}
    outputs = {name: ran.artifact("again", name) for name in ("posterior", "metrics", "report")}
    with pytest.raises(CorruptError, match="missing or there twice"):
        Bench.call("diagnose", run="again", job="job", model=ran.model, as_of=ran.as_of, **arguments, **outputs)


def test_too_few_draws_ask_for_chains(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import posterity.stages.plan as plan

    monkeypatch.setattr(plan, "_draws", lambda _: 60)
    with pytest.raises(GateError, match=r"--chains \d+"):
        bench.run("short")
    found = statuses(bench, "short")
    assert found["diagnose"] == "failed"
    assert "predict" not in found
    assert versions.models(bench.store) == []
    summary = bench.notify("short", "FAILED")
    assert "**Stopped in `diagnose`:**" in summary
    assert RunLog(bench.store, "short").stage("notify").values["alerts"] == ["short needs more draws"]
    assert success.last(bench.store, "shop") is None


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"as_of": "31.3.2013"}, SettingsError, "YYYY-MM-DD"),
        ({"source": "nowhere.csv"}, SourceError, "does not exist"),
        ({"chains": 0}, SettingsError, "chains=0"),
        ({"shards": "0"}, SettingsError, "shards=0"),
        ({"shards": "9"}, SettingsError, "shards=9"),
        ({"shards": "many"}, SettingsError, "many"),
    ],
)
def test_bad_parameters_get_one_clear_error(
    bench: Bench, change: dict[str, object], error: type[Exception], text: str
) -> None:
    for name, value in change.items():
        setattr(bench, name, value)
    with pytest.raises(error, match=text):
        bench.run("bad")
    failed = RunLog(bench.store, "bad").failure
    assert failed
    assert failed.error
    assert text in failed.error.message


def test_a_stage_that_is_not_there_is_named(bench: Bench) -> None:
    bench.run("r", until="ingest")
    with pytest.raises(NotFoundError, match=r"'predict'.*ingest"):
        RunLog(bench.store, "r").stage("predict")


def test_a_model_that_cannot_be_loaded_is_alerted_too(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.model = "nobody"
    with pytest.raises(ModelError, match="no model named"):
        bench.run("lost")
    bench.notify("lost", "FAILED")
    assert "no model named 'nobody'" in capsys.readouterr().err
