import json
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from posterity.errors import UnavailableError
from posterity.registry import aliases, tracking, versions
from posterity.runs import RunLog, StageError, StageRecord
from posterity.settings import Settings
from posterity.stages import notify
from posterity.stages.runner import Context
from posterity.store import digest_bytes
from posterity.store.directory import DirectoryStore
from tests.registry.examples import a_version

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    tracking.probe(Settings(registry=f"sqlite:///{path}"))
    return path


@pytest.fixture
def settings(tmp_path: Path, empty_registry: Path) -> Settings:
    (tmp_path / "registry").mkdir()
    shutil.copy(empty_registry, tmp_path / "registry" / "registry.db")
    return Settings(registry=f"sqlite:///{tmp_path}/registry/registry.db")


def client_of(settings):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=settings.registry, registry_uri=settings.registry)


def mirrored(settings, where=""):
    return client_of(settings).search_model_versions("name = 'flights'" + where)


def runs_of(settings):
    client = client_of(settings)
    return client.search_runs([client.get_experiment_by_name("flights").experiment_id])


def test_a_version_is_one_run_and_one_registered_version(store, settings):
    version = versions.add(store, a_version(store))
    aliases.move(store, "flights", "candidate", 1, "ada@lab", "registered")
    assert tracking.mirror(store, settings, version)
    (run,) = runs_of(settings)
    assert (run.info.run_name, run.info.status) == ("run-1", "FINISHED")
    assert run.data.metrics == version.metrics
    assert run.data.params == {"model": "flights", "seed": "1", "sampler": "{'draws': 1000}"}
    (registered,) = mirrored(settings)
    assert (registered.version, registered.run_id) == (1, run.info.run_id)
    assert client_of(settings).get_registered_model("flights").aliases == {"candidate": 1}


def test_it_is_found_by_any_tag(store, settings):
    first = versions.add(store, a_version(store, image="posterity/stage@sha256:1"))
    second = versions.add(store, a_version(store, salt="2", drift="warn", image="posterity/stage@sha256:1"))
    tracking.mirror(store, settings, second)
    tags = first.facts()
    for name in ("snapshot", "features", "code", "image", "plan", "seed", "gate", "as_of"):
        assert len(mirrored(settings, f" and tags.{name} = '{tags[name]}'")) == 2, name
    for name in ("drift", "run", "product", "posterior"):
        (found,) = mirrored(settings, f" and tags.{name} = '{tags[name]}'")
        assert found.tags[tracking.NUMBER] == "1", name


def test_the_artifacts_of_an_erased_version_go(store, settings, tmp_path):
    kept, gone = versions.add(store, a_version(store)), versions.add(store, a_version(store, salt="2"))
    tracking.mirror(store, settings, gone)
    assert tracking.erase(settings, [gone])
    assert tracking.erase(settings, [gone])
    there = {each.tags["product"]: each for each in mirrored(settings)}
    assert there[gone.product].tags["erased"] == "true"
    assert "erased" not in there[kept.product].tags
    assert client_of(settings).list_artifacts(there[gone.product].run_id) == []
    assert client_of(settings).list_artifacts(there[kept.product].run_id)


def test_small_parts_are_copied_and_large_ones_are_referred_to(store, settings, tmp_path):
    version = versions.add(store, a_version(store))
    tracking.mirror(store, settings, version)
    (run,) = runs_of(settings)
    folder = Path(client_of(settings).download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert (folder / "product_predictions.parquet").read_bytes() == b"predictions "
    assert (folder / "snapshot_raw.parquet").read_bytes() == b"raw rows"
    assert (folder / "plan_density").read_bytes() == b"StableHLO"
    assert versions.Version.from_json((folder / "version.json").read_bytes()) == version
    assert json.loads((folder / "settings.json").read_text())["packages"] == version.packages
    assert json.loads((folder / "metrics.json").read_text())["crps"] == 0.031
    assert json.loads((folder / "data.json").read_text())["snapshot"]["rows"] == 3
    posterior = json.loads((folder / "posterior.reference.json").read_text())
    assert not list(folder.glob("posterior.nc"))
    data = store.get(posterior["uri"].removeprefix(f"{store.url}/"))
    assert (digest_bytes(data), len(data)) == (posterior["sha256"], posterior["bytes"])
    card = (folder / "README.md").read_text()
    assert f"| posterior |  | 3 MiB | reference | `{posterior['sha256']}` |" in card


def test_a_repetition_adds_nothing(store, settings):
    version = versions.add(store, a_version(store))
    for _ in range(2):
        assert tracking.mirror(store, settings, version)
    assert len(mirrored(settings)) == len(runs_of(settings)) == 1


def test_aliases_follow_the_pointers(store, settings):
    for salt in "12":
        newest = versions.add(store, a_version(store, salt=salt))
    tracking.mirror(store, settings, newest)
    for number in (1, 2):
        aliases.move(store, "flights", "champion", number, "ada@lab", "better")
        tracking.mirror(store, settings, newest)
        assert client_of(settings).get_model_version_by_alias("flights", "champion").version == number


def test_what_an_absent_registry_missed_arrives_later_in_order(store, settings, caplog):
    away = replace(settings, registry=f"http://127.0.0.1:{_free_port()}")
    for salt in "123":
        version = versions.add(store, a_version(store, salt=salt))
        begun = time.monotonic()
        assert not tracking.mirror(store, away, version)
        assert time.monotonic() - begun < 15
        assert f"did not take flights/{salt}" in caplog.text
    assert not tracking.mirror_run(away, "flights", "run-1", "FAILED", {"seed": 1}, {})
    assert "posterity runs run-1 shows it" in caplog.text
    assert tracking.mirror(store, settings, version)
    assert {int(each.tags[tracking.NUMBER]): each.version for each in mirrored(settings)} == {1: 1, 2: 2, 3: 3}


def test_a_registry_that_never_answers_is_given_up(store, settings, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    version = versions.add(store, a_version(store))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = replace(settings, registry=f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        assert not tracking.mirror(store, deaf, version)
        assert time.monotonic() - begun < 15


class LosingStore(DirectoryStore):
    """A store that is away whenever the posterior's verdict is read."""

    def get(self, key: str) -> bytes:
        if key.endswith("gate.json"):
            raise UnavailableError(f"{key}: away")
        return super().get(key)


def test_stopped_half_way_the_next_call_completes_it(store, settings):
    version = versions.add(store, a_version(store))
    assert not tracking.mirror(LosingStore(store.root), settings, version)
    assert [run.info.status for run in runs_of(settings)] == ["RUNNING"]
    assert not mirrored(settings)
    assert tracking.mirror(store, settings, version)
    assert [run.info.status for run in runs_of(settings)] == ["FINISHED"]
    assert len(mirrored(settings)) == 1


def test_a_part_that_is_damaged_is_never_copied(store, settings, tmp_path):
    version = versions.add(store, a_version(store))
    store.overwrite(version.references["scores"].key, b"changed")
    store.delete(version.references["drift"].key)
    assert tracking.mirror(store, settings, version)
    (run,) = runs_of(settings)
    folder = Path(client_of(settings).download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert {"scores.reference.json", "drift.reference.json"} <= {path.name for path in folder.iterdir()}
    assert json.loads((folder / "drift.reference.json").read_text())["bytes"] is None
    assert "| drift |  | gone | reference |" in (folder / "README.md").read_text()


def test_a_lost_database_is_made_again(store, settings):
    for salt in "12":
        version = versions.add(store, a_version(store, salt=salt))
    tracking.mirror(store, settings, version)
    lost = replace(settings, registry=settings.registry.replace("registry.db", "again.db"))
    assert tracking.mirror(store, lost, version)
    assert [each.version for each in mirrored(lost)] == [2, 1]


def test_a_file_that_is_no_database_is_left_alone(store, settings, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
    (tmp_path / "notes.txt").write_text("not a database at all, but somebody's notes")
    wrong = replace(settings, registry=f"sqlite:///{tmp_path}/notes.txt")
    assert not tracking.mirror(store, wrong, versions.add(store, a_version(store)))
    assert "not a database" in caplog.text
    assert (tmp_path / "notes.txt").read_text().startswith("not a database at all")
    with pytest.raises(UnavailableError, match=r"notes\.txt does not answer"):
        tracking.probe(wrong)


def test_runs_without_a_version_are_kept_once_and_may_still_succeed(store, settings):
    for _ in range(2):
        assert tracking.mirror_run(settings, "flights", "run-1", "FAILED", {"seed": 1}, {"rhat_max": 1.4})
    (run,) = runs_of(settings)
    assert (run.info.status, run.data.metrics) == ("FAILED", {"rhat_max": 1.4})
    assert tracking.mirror(store, settings, versions.add(store, a_version(store)))
    (run,) = runs_of(settings)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["crps"] == 0.031


def test_a_run_repeated_with_other_parameters_is_another_one(store, settings):
    assert tracking.mirror_run(settings, "flights", "run-1", "FAILED", {"chains": 4}, {"ess": 90.0})
    assert tracking.mirror_run(settings, "flights", "run-1", "FAILED", {"chains": 8, "seed": 1}, {"ess": 180.0})
    assert tracking.mirror_run(settings, "flights", "run-1", "FAILED", {"chains": 8}, {"ess": 180.0})
    told = sorted((run.data.params["chains"], run.data.metrics["ess"]) for run in runs_of(settings))
    assert told == [("4", 90.0), ("8", 180.0)]


def test_the_exit_handler_copies_a_run_that_failed(store, settings):
    log = RunLog(store, "run-1")
    log.begin({"model": "flights", "chains": 4}, "by hand")
    error = StageError("GateError", "R-hat of a is 1.7", 4, "Traceback")
    figures = {"rhat_max": 1.7, "ess_min": math.nan, "worst": "a"}
    log.write(StageRecord("diagnose", "failed", values={"verdict": "fail", "metrics": figures}, error=error))
    result = notify.work(Context(store, settings, log, "notify", {"model": "flights", "state": "FAILED"}))
    assert result.values["alerts"] == ["run-1 failed in diagnose"]
    (run,) = runs_of(settings)
    assert (run.info.run_name, run.info.status, run.data.params["chains"]) == ("run-1", "FAILED", "4")
    assert run.data.metrics["rhat_max"] == 1.7


def test_two_stores_share_a_registry(store, settings, tmp_path):
    other = DirectoryStore(tmp_path / "other")
    for where, salt in ((store, "mine"), (other, "theirs")):
        version = versions.add(where, a_version(where, salt=salt))
        aliases.move(where, "flights", "champion", 1, "ada@lab", salt)
        assert tracking.mirror(where, settings, version)
    assert len(mirrored(settings)) == 2
    assert client_of(settings).get_model_version_by_alias("flights", "champion").tags["product"] == version.product


def test_a_database_is_there_whole_or_not_at_all(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from posterity.registry.tracking import _create_database;"
        "_create_database(Path(sys.argv[1]), lambda url, _: (Path(url[10:]).write_bytes(b'half'), os._exit(9)))"
    )
    path = tmp_path / "new" / "registry.db"
    killed = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)
    assert killed.returncode == 9
    assert not path.exists()
    assert "has 0 models" in tracking.probe(Settings(registry=f"sqlite:///{path}"))


def test_processes_that_create_the_database_together_share_one(tmp_path):
    path = tmp_path / "registry.db"
    start = threading.Barrier(4)
    made = []

    class Built:
        def __init__(self, url: str, _: str) -> None:
            Path(url.removeprefix("sqlite:///")).write_text(threading.current_thread().name)
            start.wait(10)
            made.append(self)

        @property
        def engine(self) -> "Built":
            return self

        def dispose(self) -> None:
            pass

    threads = [threading.Thread(target=tracking._create_database, args=(path, Built)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert path.read_text() in {thread.name for thread in threads}
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


def test_mlflow_is_imported_when_it_is_written_and_sends_nothing_home(settings):
    tracking.probe(settings)
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    code = (
        "import sys, posterity.registry.tracking, posterity.registry.aliases, posterity.lineage, posterity.alerts;"
        "print([name for name in ('mlflow', 'pandas', 'sqlalchemy', 'apprise', 'openlineage') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
