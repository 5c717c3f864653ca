import threading
from dataclasses import replace
from pathlib import Path

import pytest

from posterity.errors import CorruptError, NotFoundError, RefusedError
from posterity.registry import aliases, versions
from posterity.store import Reference
from posterity.store.directory import DirectoryStore
from tests.registry.examples import a_version


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


def test_numbers_are_given_in_turn_and_a_record_survives_the_store(store):
    first = versions.add(store, a_version(store))
    second = versions.add(store, a_version(store, salt="2"))
    assert (first.number, second.number) == (1, 2)
    assert versions.get(store, "flights/1") == first
    assert versions.get(store, "flights") == second
    assert versions.models(store) == ["flights"]


def test_numbers_beyond_nine_and_a_million_stay_in_order(store):
    version = a_version(store)
    for number in (9, 10, 1_000_000):
        store.put(versions.version_key("flights", number), replace(version, number=number).to_json())
    assert [item.number for item in versions.search(store, "flights")] == [9, 10, 1_000_000]
    assert versions.get(store, "flights").number == 1_000_000
    assert versions.add(store, a_version(store, salt="2")).number == 1_000_001


def test_the_same_product_is_registered_once(store):
    first = versions.add(store, a_version(store))
    again = versions.add(store, a_version(store, run="another-run"))
    assert again == first
    assert len(versions.search(store, "flights")) == 1


def test_many_writers_at_once_get_a_number_each(store):
    candidates = [a_version(store, salt=str(i)) for i in range(8)]
    start = threading.Barrier(len(candidates) * 2)
    found = []

    def register(version):
        start.wait()
        found.append(versions.add(store, version))

    threads = [threading.Thread(target=register, args=[item]) for item in candidates * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted({item.number for item in found}) == list(range(1, 9))
    by_product = {item.product: item.number for item in found}
    assert all(by_product[item.product] == item.number for item in found)


@pytest.mark.parametrize("name", versions.REQUIRED)
def test_a_version_without_one_of_its_parts_is_refused_by_name(store, name):
    version = a_version(store)
    kept = {key: value for key, value in version.references.items() if key != name}
    with pytest.raises(RefusedError, match=rf"without {name};"):
        versions.add(store, replace(version, references=kept))
    assert versions.models(store) == []


def test_a_digest_that_is_none_and_an_object_that_is_gone_are_refused_by_name(store):
    version = a_version(store)
    references = version.references | {"scores": Reference("nowhere/at.all", "", "scores")}
    with pytest.raises(RefusedError, match=r"the digest of scores, the object nowhere/at\.all"):
        versions.add(store, replace(version, references=references))


def test_what_is_not_there_is_said_with_what_is(store):
    with pytest.raises(NotFoundError, match="models with versions: none yet"):
        versions.get(store, "flights")
    versions.add(store, a_version(store))
    with pytest.raises(NotFoundError, match=r"no version of 'flihgts'.*models with versions: flights"):
        versions.get(store, "flihgts/1")
    for wrong in ("flights/2", "flights/", "flights/one", "flights/-1"):
        with pytest.raises(NotFoundError, match="it has 1"):
            versions.get(store, wrong)
    aliases.move(store, "flights", "candidate", 1, "ada@lab", "registered")
    with pytest.raises(NotFoundError, match=r"no 'champion'; its aliases: candidate \(1\)"):
        versions.get(store, "flights@champion")


def test_an_alias_names_a_version(store):
    versions.add(store, a_version(store))
    versions.add(store, a_version(store, salt="2"))
    aliases.move(store, "flights", "champion", 1, "ada@lab", "reviewed")
    assert versions.get(store, "flights@champion").number == 1


def test_search_by_any_fact(store):
    first = versions.add(store, a_version(store))
    second = versions.add(store, a_version(store, salt="2", as_of="2013-04-30", gate="pass", drift="warn"))
    digest = first.product

    def found(**tags):
        return [item.number for item in versions.search(store, "flights", tags)]

    assert found(gate="pass") == [1, 2]
    assert found(drift="warn") == [2]
    assert found(product=digest) == found(product=digest[:6]) == [1]
    assert found(seed="1", as_of="2013-04-30", run="run-2", posterity="0.1.0") == [2]
    assert found(posterior=second.references["posterior"].sha256[:12]) == [2]
    assert found(product=digest[:5]) == []
    assert found(as_of="2013-0") == found(run="run-2x") == found(colour="red") == []


def test_own_tags_hide_no_verdict(store):
    version = a_version(store, drift="warn", tags={"drift": "stable", "team": "ops"})
    assert version.facts()["drift"] == "warn"
    assert version.facts()["team"] == "ops"


@pytest.mark.parametrize("damage", [b"", b'{"model": "fli', b"[]", b'{"model": "flights", "references": {}}'])
def test_a_damaged_record_is_named(store, damage):
    versions.add(store, a_version(store))
    store.overwrite(versions.version_key("flights", 1), damage)
    with pytest.raises(CorruptError, match=r"models/flights/versions/000001\.json"):
        versions.get(store, "flights/1")
    with pytest.raises(CorruptError, match=r"000001\.json"):
        versions.search(store, "flights")


def test_a_record_from_before_models_described_themselves_can_be_read(store):
    import json

    version = versions.add(store, a_version(store))
    facts = json.loads(version.to_json())
    del facts["about"]
    assert versions.Version.from_json(json.dumps(facts).encode()) == version
