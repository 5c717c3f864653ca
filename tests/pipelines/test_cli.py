"""The command as a user types it, on the store of a real run: what it prints, and how it fails."""

import json
import shutil
import time
from pathlib import Path

import pytest

from posterity.registry import aliases, tracking, versions
from posterity.release.database import Database
from posterity.settings import Settings
from posterity.store import open_store
from tests.pipelines.command import Command, Said, call
from tests.pipelines.conftest import AS_OF, MODEL, Folder


@pytest.fixture
def posterity(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command in this process, on a copy of the store of the finished run, in a folder of its own."""
    shutil.copytree(folder.path / "first", tmp_path / "store")
    monkeypatch.setenv("POSTERITY_STORE", f"file://{tmp_path}/store")
    monkeypatch.setenv("POSTERITY_REGISTRY", f"sqlite:///{folder.path}/registry.db")
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder.path / "sales.csv", tmp_path)

    def in_folder(*arguments: str) -> Said:
        return call(monkeypatch, capsys, *(word.replace("shop.py:", f"{folder.path}/shop.py:") for word in arguments))

    return in_folder


def test_a_run_tells_its_outcome(posterity: Command) -> None:
    facts = posterity("results", "--json").json
    assert facts["state"] == "done"
    assert facts["version"] == "shop/1"
    assert facts["gate"] == "pass"
    assert facts["unscorable"] == "", "servers can score new keys with it"
    assert facts["sampled"] == "4 of 4 chains sampled in 1 shard(s)"
    assert [row["shop"] for row in facts["top"]] == list("fedcba")
    assert "<html" in Path(facts["report"]).read_text()
    text = posterity("results").out
    for piece in ("the 6 of 6 at the top", "pass (rhat_max", "no-baseline", "shop/1", ".posterity/reports/first.html"):
        assert piece in text


def test_a_second_run_of_the_same_plan_samples_nothing(folder: Folder) -> None:
    done = folder.run("second", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    statuses = {name: stage["status"] for name, stage in facts["stages"].items()}
    assert statuses.pop("notify") == "ran"
    assert set(statuses.values()) == {"reused"}
    assert facts["sampled"] == "nothing sampled: all 4 chains were in the store"
    assert folder.digests("second") == folder.digests("first")


def test_runs_lists_runs_and_stages(posterity: Command) -> None:
    assert "first" in [row["run"] for row in posterity("runs", "--json").json]
    stages = {row["stage"]: row for row in posterity("runs", "first", "--json").json}
    assert stages["ingest"]["status"] == "ran"
    assert stages["ingest"]["why"] == "not done before"
    assert all(20 < row["MiB"] < 4000 for row in stages.values())
    line = next(line for line in posterity("runs").out.splitlines() if line.split()[0] == "first")
    assert "done" in line
    assert "shop/1" in line, "a table in a pipe is neither folded nor cut"


@pytest.mark.parametrize("tag", ["gate=pass", "as_of=2026-02-28", "seed=1", "run=first"])
def test_versions_are_found_by_tags(posterity: Command, tag: str) -> None:
    assert [row["version"] for row in posterity("versions", "--tag", tag, "--json").json] == ["shop/1"]
    name = tag.partition("=")[0]
    assert posterity("versions", "--tag", f"{name}=other", "--json").json == []


def test_a_version_is_found_by_a_shortened_digest(posterity: Command) -> None:
    digest = posterity("inspect", "shop", "--json").json["snapshot sha256"]
    assert len(posterity("versions", "--tag", f"snapshot={digest[:8]}", "--json").json) == 1


@pytest.mark.parametrize("artifact", ["product", "posterior", "features", "snapshot", "scores", "code"])
def test_artifacts_can_be_fetched(posterity: Command, tmp_path: Path, artifact: str) -> None:
    said = posterity("fetch", "shop/1", artifact, "--to", "got", "--json").json
    assert said["path"] == str(tmp_path / "got")
    from posterity.store import digest_file

    assert digest_file(tmp_path / "got") == said["sha256"]


def test_a_damaged_artifact_is_refused_with_its_code(posterity: Command, tmp_path: Path) -> None:
    posterior = next((tmp_path / "store" / "posteriors").rglob("*.nc"))
    posterior.chmod(0o644)
    posterior.write_bytes(posterior.read_bytes()[:-1])
    said = posterity("fetch", "shop/1", "posterior")
    assert said.code == 5
    assert "does not match its SHA-256" in said.err


def test_aliases_move_with_a_reason_and_leave_a_history(posterity: Command) -> None:
    assert posterity("baseline", "verify", "shop/1", "--reason", "read the report", "--json").json["number"] == 1
    rows = posterity("history", "shop", "--all", "--json").json
    assert [row["what"] for row in rows] == ["candidate none → 1", "baseline none → 1"]
    assert posterity("inspect", "shop@baseline", "--json").json["aliases"] == ["candidate", "baseline"]


def test_a_version_is_tried_approved_and_rolled_back(posterity: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "staging: it was not tried" in posterity("promote", "shop/1").err
    tried = posterity("promote", "shop/1", "staging", "--json").json
    assert tried["passed"], tried
    assert "waits for an approval, because no version of this model is in production yet" in tried["state"]
    said = posterity("approve", "shop/1", "--reason", "read the report")
    assert (said.code, "nobody approves their own request" in said.err) == (3, True)
    assert posterity("history", "shop", "--json").json == []
    monkeypatch.setenv("POSTERITY_SELF_APPROVAL", "allow")
    approved = posterity("approve", "shop/1", "--reason", "read the report", "--json").json
    assert (approved["number"], approved["how"], approved["why"]) == (1, "approval", "read the report")
    assert posterity("promote", "shop/1", "--json").json == approved
    assert [row["version"] for row in posterity("history", "shop", "--json").json] == [1]
    assert "no version of shop was in production before" in posterity("rollback", "product", "shop").err
    assert posterity("acknowledge", "shop/1", "--reason", "x").code == 3
    assert (
        posterity("rollback", "model", "shop/1", "--reason", "the new prior is wrong", "--json").json["pinned"]
        == "shop/1"
    )
    assert "their own code" in posterity("rollback", "release", "shop", "--reason", "mended").out


def test_snapshots_can_be_looked_at_compared_and_exported(posterity: Command, tmp_path: Path) -> None:
    digest = posterity("data", "list", "--json").json[0]["snapshot"]
    assert posterity("data", "show", digest, "--json").json["personal"] == {"cashier": "drop"}
    assert posterity("data", "diff", digest, digest, "--json").json["changed"] == 0
    assert posterity("data", "export", digest, "raw.csv", "--json").json["rows"] == 354
    assert (tmp_path / "raw.csv").read_text().startswith("shop,day,sold\na,2026-01-01,")
    assert posterity("features", "list", "--json").json[0]["used by"] == ["shop/1"]
    features = posterity("features", "list", "--json").json[0]["features"]
    assert posterity("features", "show", features, "--json").json["columns"]["mean"] == "float64"


def test_lineage_reaches_from_the_version_to_the_source(posterity: Command) -> None:
    graph = posterity("lineage", "shop", "--json").json
    sources = {target: source for source, target in reversed(graph["edges"])}
    kinds = {node["id"]: node["kind"] for node in graph["nodes"]}
    at = next(name for name, kind in kinds.items() if kind == "version")
    while at in sources:
        at = sources[at]
    assert kinds[at] == "source"
    parts = [line.split()[0] for line in posterity("lineage", "shop").out.splitlines()[2:-1]]
    assert parts[0] == "source"
    assert parts[-1] == "version"


def test_an_erased_snapshot_leaves_a_tombstone(
    posterity: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTERITY_REGISTRY", f"sqlite:///{tmp_path}/registry.db")
    monkeypatch.setenv("POSTERITY_DATABASE_URL", f"sqlite:///{tmp_path}/products.db")
    store, database = open_store(f"file://{tmp_path}/store"), Database(f"sqlite:///{tmp_path}/products.db")
    database.publish(store, versions.get(store, "shop/1"))
    digest = posterity("data", "list", "--json").json[0]["snapshot"]
    plan = posterity("erase", digest, "--dry-run", "--json").json
    assert plan["versions"] == ["shop/1"]
    assert posterity("erase", digest).code == 3
    assert posterity("data", "list", "--json").json
    said = posterity("erase", digest, "--reason", "request 17")
    assert said.code == 0, said.err
    assert "(request 17)" in said.out
    assert f"6 rows of {database.name}, erased" in said.out
    assert posterity("data", "list", "--json").json == []
    assert "no longer reproducible" in posterity("lineage", "shop/1").out
    assert posterity("lineage", "shop/1", "--json").json["reproducible"] is False
    assert "predictions were erased" in Path(posterity("report", "first").out.strip()).read_text()
    refused = posterity("reproduce", "shop/1")
    assert refused.code == 3
    assert "was erased on" in refused.err


def test_a_registry_that_was_away_is_brought_up_to_date(
    posterity: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTERITY_REGISTRY", "http://127.0.0.1:9")  # nobody listens there
    said = posterity("mirror")
    assert said.code == 75
    assert "did not take shop/1" in said.err
    monkeypatch.setenv("POSTERITY_REGISTRY", f"sqlite:///{tmp_path}/registry.db")
    assert posterity("mirror", "shop", "--json").json[0]["versions"] == 1
    assert "has 1 models" in tracking.probe(Settings.from_environment())
    assert "no version of 'nosuch'" in posterity("mirror", "nosuch").err


def test_a_stage_runs_again_on_its_inputs_and_leaves_the_run_alone(posterity: Command) -> None:
    before = posterity("runs", "first", "--json").out
    rows = posterity("stage", "first", "predict", "--json").json
    assert [row["output"] for row in rows] == ["product", "targets"]
    assert all(row["recorded"] == row["now"] for row in rows)
    assert posterity("runs", "first", "--json").out == before


def test_a_stage_runs_again_with_the_model_where_it_is_now(posterity: Command, tmp_path: Path, folder: Folder) -> None:
    record = next((tmp_path / "store/runs/first/stages").glob("predict.json"))
    facts = json.loads(record.read_text())
    facts["inputs"]["model"] = "shop"
    record.write_text(json.dumps(facts))
    assert "no model named 'shop' is installed" in posterity("stage", "first", "predict").err
    rows = posterity("stage", "first", "predict", "--model", "shop.py:Shop", "--json").json
    assert rows[0]["recorded"] == rows[0]["now"]


def test_predictions_can_be_exported_and_keys_scored(posterity: Command, tmp_path: Path) -> None:
    import pandas as pd

    assert posterity("export", "shop/1", "--to", "parquet", "--json").json["rows"] == 6
    rows = pd.read_parquet(tmp_path / "shop-1.parquet")
    rows[["shop"]].to_csv(tmp_path / "keys.csv", index=False)
    arguments = ("score", "shop", "--in", "keys.csv", "--out", "scores.csv", "--threshold", "sales=25", "--json")
    assert posterity(*arguments).json == {"path": "scores.csv", "version": "shop/1", "rows": 6}
    scores = pd.read_csv(tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(scores[list(rows)[4:]], rows[list(rows)[4:]], check_dtype=False)
    assert scores["sales_exceeds"].between(0, 1).all()
    for wrong in (("--threshold", "cups=1"), ("--threshold", "sales"), ("--quantiles", "0.5,2")):
        said = posterity(*arguments[:6], *wrong)
        assert said.code == 3
        assert wrong[1].partition("=")[0] in said.err


def test_a_withdrawn_version_says_who_and_why(posterity: Command) -> None:
    assert posterity("retire", "shop/1").code == 3
    said = posterity("retire", "shop/1", "--reason", "wrong units", "--json").json
    assert (said["version"], said["why"]) == ("shop/1", "wrong units")
    assert "was withdrawn" in posterity("promote", "shop/1", "champion", "--reason", "again").err


def test_the_last_run_is_served(folder: Folder, tmp_path: Path) -> None:
    import json as reader
    import signal
    from urllib.request import urlopen

    from tests.store.servers import free_port

    port = free_port()
    process = folder.start("serve", "--listen", f"127.0.0.1:{port}", "--json")
    try:
        assert process.stdout
        said = reader.loads("".join(iter(lambda: process.stdout.readline(), "}\n")) + "}")
        assert said["products"] == "*@candidate"
        answer = None
        for _ in range(300):
            try:
                with urlopen(f"{said['url']}/v1/products/shop") as response:
                    answer = reader.load(response)
                break
            except OSError:
                time.sleep(0.1)
        assert answer
        assert (answer["model"], answer["rows"]) == ("shop", 6)
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert "Traceback" not in err


def test_nothing_to_serve_is_said(empty: Folder) -> None:
    done = empty.command("serve")
    assert done.returncode == 3
    assert "no version is registered" in done.stderr


def test_the_final_table_is_compared_with_a_run(posterity: Command, tmp_path: Path) -> None:
    import pandas as pd

    posterity("fetch", "shop/1", "product", "--to", "table.parquet")
    same = posterity("compare", "table.parquet", "first", "--picture", "parity.svg", "--json")
    assert (same.code, same.json["verdict"]) == (0, "equal")
    assert b"<svg" in (tmp_path / "parity.svg").read_bytes()
    table = pd.read_parquet(tmp_path / "table.parquet")
    table.loc[2, "sales_mean"] += 1.0
    table.to_parquet(tmp_path / "moved.parquet")
    parted = posterity("compare", "moved.parquet", "shop/1")
    assert parted.code == 3
    assert "first part at predictions" in parted.out


def test_a_version_runs_again_on_todays_data_and_names_what_differs(folder: Folder, tmp_path: Path) -> None:
    lines = (folder.path / "sales.csv").read_text().splitlines()
    more = [f"{lines[0]},weather", *(f"{line},dry" for line in lines[1:])]
    (folder.path / "more.csv").write_text("\n".join(more))
    arguments = ("run", "--like", "shop/1", "--as-of", "2026-03-31", "--source", "more.csv", "--name", "like", "--json")
    done = folder.command(*arguments)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["differences"] == ["column weather is str now and was not there"]
    assert "differs from shop/1: column weather" in done.stderr
    assert facts["version"].startswith("shop/")
    refused = folder.command("run", "--like", "shop/1", "--seed", "3")
    assert refused.returncode == 3
    assert "--seed" in refused.stderr


def test_a_version_is_reproduced_to_the_bit(folder: Folder) -> None:
    done = folder.command("reproduce", "shop/1", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["part"] for row in rows} >= {"snapshot", "plan", "posterior", "product"}
    assert all(row["same"] for row in rows)


WRONG = [
    (("run", "nothing", "--as-of", AS_OF), "no model named 'nothing'"),
    (("run",), "name a model"),
    (("run", MODEL, "--as-of", "28.2.2026"), "'28.2.2026' is not a day"),
    (("run", "none.py:Shop", "--as-of", AS_OF), "does not exist"),
    (("run", "shop.py:None", "--as-of", AS_OF), "has no class 'None'"),
    (("run", MODEL, "--name", "a/b"), "no name of a run"),
    (("run", MODEL, "--as-of", AS_OF, "--name", "first", "--seed", "2"), "is there with another seed"),
    (("run", "--like", "shop/7"), "no version '7'; it has 1"),
    (("run", "delays", "--like", "shop/1"), "no version of delays"),
    (("runs", "none"), "no run 'none'"),
    (("results", "none"), "no run 'none'"),
    (("report", "first", "--to", "none/report.html"), "none/report.html cannot be used"),
    (("stage", "first", "none"), "no record of stage 'none'; it has ingest"),
    (("test", MODEL, "--as-of", "never"), "'never' is not a day"),
    (("compile", "--out", "none/x.yaml"), "cannot be used (No such file or directory)"),
    (("versions", "none"), "no version of 'none' is registered; models with versions: shop"),
    (("versions", "--tag", "gate"), "not of the form name=value"),
    (("inspect", "shop/2"), "shop has no version '2'; it has 1"),
    (("inspect", "shop@champion"), "shop has no 'champion'; its aliases: candidate (1)"),
    (("fetch", "shop/1", "nothing"), "has no artifact 'nothing'; it has"),
    (("fetch", "shop/1", "product", "--to", "none/x"), "none/x cannot be used"),
    (("promote", "shop/1", "candidate"), "needs a reason"),
    (("promote", "shop/1", "boss", "--reason", "x"), "'boss' is not an alias"),
    (("promote", "shop/1", "baseline", "--reason", "x"), "verified, not promoted"),
    (("promote", "shop/3"), "no version '3'"),
    (("baseline", "verify", "shop/1"), "needs a reason"),
    (("history", "none"), "no version of 'none'"),
    (("data", "show", "zz"), "no snapshot"),
    (("data", "export", "", "raw.txt"), "neither .csv nor .parquet"),
    (("data", "export", "", "none/raw.csv"), "the folder none does not exist"),
    (("features", "show", "zz"), "no feature table begins with 'zz'"),
    (("lineage", "none"), "no version of 'none'"),
    (("reproduce", "shop/9"), "no version '9'"),
    (("compare", "none.csv", "first"), "none.csv: no such file or folder"),
    (("compare", "sales.csv", "none"), "neither a run (posterity runs) nor a version"),
    (("compare", "sales.csv", "first", "--picture", "x.pdf"), "neither .svg nor .png"),
    (("demo", MODEL, "--from", "2026-03-01", "--to", "2026-03-02"), "no month ends"),
]


@pytest.mark.parametrize(("arguments", "text"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_wrong_input_is_refused_in_one_line(posterity: Command, arguments: tuple[str, ...], text: str) -> None:
    said = posterity(*arguments)
    assert said.code == 3, said
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert text in said.err


def test_bad_data_stop_the_run_with_a_report_and_leave_the_product(folder: Folder) -> None:
    bad = (folder.path / "sales.csv").read_text().replace("a,2026-01-05,", "a,2026-01-05,-")
    (folder.path / "bad.csv").write_text(bad)
    before = aliases.current(folder.store, "shop", "candidate")
    done = folder.command("run", MODEL, "--as-of", AS_OF, "--source", "bad.csv", "--name", "bad", "--json")
    assert done.returncode == 3
    assert "DataTestError: stage check_data: snapshot" in done.stderr.splitlines()[-1]
    facts = json.loads(done.stdout)
    assert facts["state"] == "failed in check_data"
    assert facts["error"]["kind"] == "DataTestError"
    assert "not negative" in Path(facts["report"]).read_text()
    assert aliases.current(folder.store, "shop", "candidate") == before


def test_a_store_that_cannot_be_written_asks_for_a_retry(posterity: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERITY_STORE", "file:///proc/none")
    said = posterity("run", MODEL, "--as-of", AS_OF, "--source", "sales.csv")
    assert said.code == 75, said
    assert said.err.count("\n") == 1, said.err


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("STORE", "here", "is not a store"), ("STORAGE", "x", "POSTERITY_STORAGE: no such setting; there are")],
)
def test_wrong_settings_are_named(
    posterity: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str
) -> None:
    monkeypatch.setenv(f"POSTERITY_{name}", value)
    said = posterity("runs")
    assert said.code == 3
    assert text in said.err


def test_an_error_nobody_foresaw_is_one_line_and_its_trace_is_one_setting_away(
    posterity: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.cli.look.list_runs", lambda *_: 1 / 0)
    said = posterity("runs")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "ZeroDivisionError" in said.err
    monkeypatch.setenv("POSTERITY_LOG_LEVEL", "DEBUG")
    with pytest.raises(ZeroDivisionError):
        posterity("runs")


def test_products_are_compared_as_table_and_picture(posterity: Command, tmp_path: Path) -> None:
    """One version as published, and its posterior on the snapshot that it was fitted to: nothing may move."""
    text = posterity("compare-products", "shop/1", "--on", "shop/1", "--picture", "page.html").out
    for piece in ("differs in", "of snapshot", "6 rows in both, 0 in shop/1 only", "× 1", "page.html"):
        assert piece in text
    assert "<svg" in (tmp_path / "page.html").read_text()
    said = posterity("compare-products", "shop/1", "shop/1", "--picture", "it.svg", "--json").json
    assert said["rows"] == {"both": 6, "before_only": 0, "now_only": 0}
    assert (said["quantities"][0]["most_sds"], said["moved"]) == (0, [])
    assert Path(said["picture"]).read_bytes().startswith(b"<?xml")


def test_what_cannot_be_compared_is_said_in_one_line(posterity: Command) -> None:
    for words, code, why in (
        (("shop/1",), 3, "held against what"),
        (("shop/1", "shop/9"), 3, "shop has no version '9'"),
        (("shop/1", "shop/1", "--picture", "it.pdf"), 3, "is no .html, .svg or .png"),
        (("shop/1", "--on", "abcdef0"), 3, "no snapshot"),
    ):
        said = posterity("compare-products", *words)
        assert (said.code, said.out) == (code, "")
        assert why in said.err
        assert said.err.count("\n") == 1
