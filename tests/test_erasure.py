"""Erasing a snapshot: what goes, what stays, what is said about it afterwards."""

import shutil
from pathlib import Path

import pytest

from posterity import erasure, reported
from posterity.data import snapshot
from posterity.errors import NotFoundError, RefusedError, SettingsError, SourceError, UnavailableError
from posterity.registry import aliases, versions
from posterity.runs import RunLog
from posterity.stages.pages import run_page
from posterity.store import ObjectStore, open_store
from posterity.store.directory import DirectoryStore
from tests.bench import Bench, bench_in
from tests.shop import write_sales

RECORDS = ("runs/", "models/", "versions/", "code/", "cache/")


@pytest.fixture(scope="module")
def two_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the runs `one` and `two` of two months in a row."""
    folder = tmp_path_factory.mktemp("months")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("posterity.registry.tracking.mirror", lambda *_: True)  # MLflow has tests of its own
        bench = bench_in(folder, "", patch)
        bench.run("one")
        shutil.copytree(folder / "store", folder / "one")
        bench.as_of = "2026-03-31"
        bench.run("two")
    return folder


@pytest.fixture
def store(two_months: Path, tmp_path: Path) -> ObjectStore:
    """A store with the run `one`."""
    shutil.copytree(two_months / "one", tmp_path / "store")
    return open_store(f"file://{tmp_path}/store")


@pytest.fixture
def both(two_months: Path, tmp_path: Path) -> ObjectStore:
    """A store with both runs."""
    shutil.copytree(two_months / "store", tmp_path / "store")
    return open_store(f"file://{tmp_path}/store")


@pytest.fixture
def bench(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return bench_in(tmp_path, "", monkeypatch)


def taken(store: ObjectStore, run: str) -> str:
    """The digest of a run's snapshot."""
    return snapshot.digest_of(RunLog(store, run).stage("ingest").output("snapshot"))


def data(store: ObjectStore) -> set[str]:
    return {key for key in store.list("") if not key.startswith(RECORDS)}


def erase(store: ObjectStore, digest: str) -> snapshot.Tombstone:
    return erasure.erase(store, erasure.prepare(store, digest), "ada", "request 17")


def test_nothing_of_the_data_is_left(store: ObjectStore) -> None:
    digest = taken(store, "one")
    stone = erase(store, digest[:8])
    assert data(store) == {f"snapshots/{digest}/erased.json"}
    assert not [key for key in store.list("cache/") if "/latest/" not in key]
    assert stone.versions == ["shop/1"]
    assert "predictions were erased" in run_page(RunLog(store, "one"))
    assert RunLog(store, "one").stage("diagnose").values["verdict"] == "pass"
    assert "top" not in RunLog(store, "one").stage("predict").values
    # A repetition still knows whose rows have to go from databases that were away.
    assert [version.label for version in erasure.prepare(store, digest).gone] == ["shop/1"]


def test_what_clients_said_of_its_predictions_goes_and_of_others_stays(both: ObjectStore) -> None:
    for number in (1, 2):
        entry = {"key": {"shop": "a"}, "values": {"returned": 0.1}, "comment": "Mrs Jones brought it back"}
        reported.post_actuals(both, "shop", number, [entry], "till")
        both.put(f"feedback/shop/{number}/1.json", b'{"received": "2026-04-01", "rating": "", "comment": "too low"}')
    erase(both, taken(both, "one"))
    said = [key for kind in (reported.ACTUALS, reported.FEEDBACK) for key in both.list(f"{kind}/")]
    assert sorted({key.rpartition("/")[0] for key in said}) == ["actuals/shop/2", "feedback/shop/2"]


def test_what_another_snapshot_gave_too_stays(both: ObjectStore) -> None:
    first, second = taken(both, "one"), taken(both, "two")
    made_by = {run: _outputs(both, run) for run in ("one", "two")}
    assert made_by["one"] & made_by["two"]  # that there is no baseline is the same JSON in both months
    pages = {record.section for record in RunLog(both, "two").stages() if record.section}
    erase(both, first)
    left = set(both.list(""))
    assert made_by["two"] | pages <= left
    assert not (made_by["one"] - made_by["two"]) & left
    assert snapshot.digests(both) == [second]
    assert versions.get(both, "shop/1").gate == "pass"


def _outputs(store: ObjectStore, run: str) -> set[str]:
    records = [record for record in RunLog(store, run).stages() if record.stage != "register"]
    return {str(output["key"]) for record in records for output in record.outputs.values()}


@pytest.mark.parametrize("alias", erasure.SERVING)
def test_what_people_read_is_not_erased(store: ObjectStore, alias: str) -> None:
    aliases.move(store, "shop", alias, 1, "ada", "for a test")
    before = set(store.list(""))
    with pytest.raises(RefusedError, match=f"shop/1 .* is the {alias} of shop"):
        erase(store, taken(store, "one"))
    assert set(store.list("")) == before


def test_what_was_erased_does_not_come_back(store: ObjectStore, bench: Bench) -> None:
    digest = taken(store, "one")
    erase(store, digest)
    with pytest.raises(SourceError, match=r"must not come back: .*erased on .* by ada \(request 17\)"):
        bench.run("again", until="ingest")
    with pytest.raises(NotFoundError, match="no longer reproducible"):
        snapshot.read_manifest(store, digest)
    bench.source = write_sales(bench.folder / "other.csv", days=50)
    bench.run("other", until="check_data")
    assert RunLog(store, "other").failure is None


def test_a_reason_and_a_known_snapshot_are_needed(store: ObjectStore) -> None:
    before = set(store.list(""))
    found = erasure.prepare(store, taken(store, "one"))
    with pytest.raises(SettingsError, match="--reason"):
        erasure.erase(store, found, "ada", " ")
    with pytest.raises(NotFoundError, match="'beef'"):
        erasure.prepare(store, "beef")
    assert set(store.list("")) == before


class Failing(DirectoryStore):
    """A store that goes away after some objects were erased."""

    left = 0

    def erase(self, key: str) -> None:
        if not self.left:
            raise UnavailableError("the store is away")
        self.left -= 1
        super().erase(key)


@pytest.mark.parametrize("erased", [0, 1, 11, 14, 25, 40])
def test_an_erasure_that_was_interrupted_is_finished_by_its_repetition(
    store: ObjectStore, tmp_path: Path, erased: int
) -> None:
    digest = taken(store, "one")
    failing = Failing(tmp_path / "store")
    failing.left = erased
    with pytest.raises(UnavailableError):
        erase(failing, digest)
    stone = erase(store, digest)
    assert data(store) == {f"snapshots/{digest}/erased.json"}
    assert stone.versions == ["shop/1"]
