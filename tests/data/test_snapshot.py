import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from posterity.data import snapshot
from posterity.data.snapshot import Taken, digest_of, find, load, quarantine, read_manifest, read_origin, take
from posterity.errors import CorruptError, DataTestError, NotFoundError, PosterityError, SettingsError, SourceError
from posterity.model.contract import PersonalColumn
from posterity.settings import Settings
from posterity.store.directory import DirectoryStore

from .shop import NAMES, Shop, sales

AS_OF = date(2013, 1, 31)
SETTINGS = Settings(pseudonym_key="a key")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    sales().to_csv(path, index=False)
    return path


def taken(store: DirectoryStore, source: Path, as_of: date = AS_OF, settings: Settings = SETTINGS) -> Taken:
    return take(store, Shop(), str(source), as_of, settings)


def test_a_snapshot_is_what_the_source_held(store: DirectoryStore, source: Path) -> None:
    found = taken(store, source)
    assert found.new
    table = load(store, found.reference)
    pd.testing.assert_frame_equal(table[["order", "amount", "day"]], sales()[["order", "amount", "day"]])
    assert found.manifest == read_manifest(store, digest_of(found.reference))
    assert found.manifest.source == str(source)
    assert found.manifest.as_of == "2013-01-31"
    assert found.manifest.rows == found.reference.meta["rows"] == 4
    assert found.manifest.columns == {"order": "int64", "amount": "float64", "day": "str", "customer": "str"}
    assert found.manifest.personal == {"customer": "pseudonymise", "email": "drop"}
    assert read_origin(store, digest_of(found.reference)).row_keys == ("order",)
    assert found.reference.fetch(store) == found.manifest.to_json()


def test_the_same_data_are_the_same_snapshot_wherever_they_lie(store: DirectoryStore, source: Path) -> None:
    first = taken(store, source)
    again = taken(store, source)
    moved = taken(store, source.rename(source.with_name("moved.csv")))
    assert first.reference == again.reference == moved.reference
    assert (again.new, moved.new) == (False, False)
    assert moved.manifest.source.endswith("moved.csv")
    assert snapshot.digests(store) == [digest_of(first.reference)]


def test_other_data_and_another_day_are_other_snapshots(store: DirectoryStore, source: Path) -> None:
    references = [taken(store, source).reference, taken(store, source, date(2013, 2, 28)).reference]
    sales().iloc[:3].to_csv(source, index=False)
    references.append(taken(store, source).reference)
    assert len({digest_of(reference) for reference in references}) == 3
    assert sorted(snapshot.digests(store)) == sorted(map(digest_of, references))


def test_no_personal_value_is_stored_anywhere(store: DirectoryStore, source: Path) -> None:
    reference = taken(store, source).reference
    table = load(store, reference)
    files = [path.read_bytes() for path in store.root.rglob("*") if path.is_file()]
    assert len(files) == 3
    for value in [*filter(None, NAMES), "Ada", "example.org", "a key"]:
        assert not any(value.encode() in data for data in files), value
        assert value not in table.to_csv()
    assert "email" not in table
    assert table["customer"].isna().tolist() == [False, False, False, True]
    assert table["customer"][0] == table["customer"][2] != table["customer"][1]


def test_pseudonyms_depend_on_the_key_and_on_the_column(store: DirectoryStore, source: Path) -> None:
    class Both(Shop):
        personal = (PersonalColumn("customer", "pseudonymise"), PersonalColumn("name", "pseudonymise"))

        def extract(self, source: str, as_of: date) -> pd.DataFrame:
            return super().extract(source, as_of).drop(columns="email").assign(name=lambda table: table["customer"])

    one = load(store, take(store, Both(), str(source), AS_OF, Settings(pseudonym_key="1")).reference)
    two = load(store, take(store, Both(), str(source), AS_OF, Settings(pseudonym_key="2")).reference)
    values = [one["customer"][0], one["name"][0], two["customer"][0], two["name"][0]]
    assert len(set(values)) == 4
    assert all(len(value) == 32 for value in values)


def test_without_a_key_nothing_is_stored(store: DirectoryStore, source: Path) -> None:
    with pytest.raises(SettingsError, match=r"column customer .* set POSTERITY_PSEUDONYM_KEY"):
        taken(store, source, settings=Settings())
    assert not store.root.exists()


def test_a_personal_column_under_a_new_name_is_refused(store: DirectoryStore, source: Path) -> None:
    sales().rename(columns={"email": "mail"}).to_csv(source, index=False)
    with pytest.raises(SourceError, match="no column email, which is declared as personal"):
        taken(store, source)
    assert not store.root.exists()


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_text("a,b\n")]
)
def test_a_bad_source_leaves_nothing(store: DirectoryStore, source: Path, damage) -> None:
    damage(source)
    with pytest.raises(SourceError, match=r"sales.csv"):
        taken(store, source)
    assert not store.root.exists()


def test_a_model_that_extracts_nothing_is_refused(store: DirectoryStore, source: Path) -> None:
    class Late(Shop):
        def extract(self, source: str, as_of: date) -> pd.DataFrame:
            return super().extract(source, as_of).iloc[:0]

    with pytest.raises(SourceError, match="holds no rows as of 2013-01-31; nothing is stored"):
        take(store, Late(), str(source), AS_OF, SETTINGS)


def test_a_table_that_cannot_be_stored_names_source_and_column(store: DirectoryStore, source: Path) -> None:
    class Mixed(Shop):
        def extract(self, source: str, as_of: date) -> pd.DataFrame:
            return super().extract(source, as_of).assign(amount=[1, "two", 3.0, None])

    with pytest.raises(SourceError, match=r"sales.csv: the table cannot be stored .*amount"):
        take(store, Mixed(), str(source), AS_OF, SETTINGS)


def test_a_quarantined_snapshot_is_never_an_input(store: DirectoryStore, source: Path) -> None:
    reference = taken(store, source).reference
    quarantine(store, reference, "amount: 3 values fail")
    quarantine(store, reference, "another reason")
    assert snapshot.is_quarantined(store, digest_of(reference))
    with pytest.raises(DataTestError, match=r"is quarantined .amount: 3 values fail.; correct the source"):
        load(store, reference)
    with pytest.raises(DataTestError):
        load(store, taken(store, source).reference)
    assert len(snapshot.read_raw(store, digest_of(reference))) == 4
    assert len(load(store, taken(store, source, date(2013, 2, 1)).reference)) == 4


class Killed(BaseException):
    pass


class Dying(DirectoryStore):
    """A store whose process dies at its n-th write."""

    def __init__(self, root: Path, writes: int) -> None:
        super().__init__(root)
        self.writes = writes

    def put(self, key: str, data: bytes) -> bool:
        if not self.writes:
            raise Killed
        self.writes -= 1
        return super().put(key, data)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_snapshot_without_its_manifest_does_not_exist(store: DirectoryStore, source: Path, writes: int) -> None:
    with pytest.raises(Killed):
        taken(Dying(store.root, writes), source)
    assert snapshot.digests(store) == []
    with pytest.raises(NotFoundError, match="no snapshot"):
        find(store, "")
    found = taken(store, source)
    assert found.new
    with pytest.raises(NotFoundError):
        load(DirectoryStore(store.root.with_name("elsewhere")), found.reference)
    assert len(load(store, found.reference)) == 4


@pytest.mark.parametrize(("name", "damage"), [("raw.parquet", b"PAR1"), ("manifest.json", b'{"rows": 3}')])
def test_a_changed_snapshot_is_corrupt(store: DirectoryStore, source: Path, name: str, damage: bytes) -> None:
    reference = taken(store, source).reference
    store.overwrite(f"snapshots/{digest_of(reference)}/{name}", damage)
    with pytest.raises(CorruptError, match=digest_of(reference)[:12]):
        load(store, reference)


def test_find_by_the_first_digits(store: DirectoryStore, source: Path) -> None:
    reference = taken(store, source).reference
    taken(store, source, date(2013, 2, 28))
    digest = digest_of(reference)
    assert find(store, digest[:10]) == find(store, digest) == reference
    with pytest.raises(NotFoundError, match=r"2 snapshots in .* that begins with ''"):
        find(store, "")
    with pytest.raises(NotFoundError, match=r"no snapshot in .*'zz'; see `posterity data list`"):
        find(store, "zz")


def test_a_snapshot_copied_without_its_origin_is_the_same(store: DirectoryStore, source: Path, tmp_path: Path) -> None:
    reference = taken(store, source).reference
    other = DirectoryStore(tmp_path / "other")
    for name in ("raw.parquet", "manifest.json"):
        key = f"snapshots/{digest_of(reference)}/{name}"
        other.put(key, store.get(key))
    pd.testing.assert_frame_equal(load(other, reference), load(store, reference))
    assert read_manifest(other, digest_of(reference)).source == ""


def test_passwords_of_a_source_are_not_stored(store: DirectoryStore) -> None:
    class Database(Shop):
        def extract(self, source: str, as_of: date) -> pd.DataFrame:
            return sales()

    found = take(store, Database(), "postgresql://me:secret@host/db?table=sales", AS_OF, SETTINGS)
    assert found.manifest.source == "postgresql://me:***@host/db?table=sales"
    assert not any(b"secret" in path.read_bytes() for path in store.root.rglob("*") if path.is_file())
    assert json.loads(store.get(f"snapshots/{digest_of(found.reference)}/origin.json"))["model"] == "shop"


def test_every_refusal_is_one_of_ours(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "noise.parquet").write_bytes(bytes(range(256)))
    with pytest.raises(PosterityError, match=r"noise.parquet cannot be read"):
        taken(store, tmp_path / "noise.parquet")
