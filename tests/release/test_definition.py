from dataclasses import replace

from posterity.model.contract import Release
from posterity.release.definition import changes, terms
from tests.release.products import nth


def test_a_refresh_on_new_data_changes_nothing_of_the_definition(store):
    first = nth(store, 1)
    later = nth(store, 2, as_of="2013-04-30", drift="drift", gate="pass")
    assert changes(first, later) == []


def test_each_part_of_the_definition_is_named_when_it_changes(store):
    first = nth(store, 1, parameters={"seed": 1, "chains": 4, "sampler": {"draws": 1000}})
    other = nth(store, 2, code="another prior", parameters={"seed": 2, "chains": 8, "sampler": {"draws": 500}})
    assert changes(first, other) == [
        "code changed",
        "seed 1 → 2",
        "chains 4 → 8",
        "sampler draws=1000 → draws=500",
    ]


def test_numbers_count_by_their_value_and_shards_and_source_do_not(store):
    first = nth(store, 1, parameters={"seed": 1, "chains": 4, "sampler": {}, "shards": "2", "source": "a.csv"})
    same = nth(store, 2, parameters={"seed": 1.0, "chains": 4.0, "sampler": {}, "shards": "8", "source": "b.csv"})
    assert changes(first, same) == []


def test_the_image_stands_for_the_packages_where_it_is_known(store):
    first, second = nth(store, 1), nth(store, 2)
    packages = replace(second, packages={"numpy": "9"})
    assert changes(first, packages) == ["packages changed"]
    one, two = replace(first, image="posterity/stage:1"), replace(packages, image="posterity/stage:1")
    assert changes(one, two) == []
    assert changes(one, replace(two, image="posterity/stage:2")) == ["image posterity/stage:1 → posterity/stage:2"]
    assert changes(first, one) == ["packages changed", "image none → posterity/stage:1"]


def test_terms_are_those_that_were_registered(store):
    from dataclasses import asdict

    declared = Release("always", ("ada", "bob@lab"), ("json://lab",), 0.1)
    assert terms(nth(store, 1, about={"release": asdict(declared)})) == declared
    assert terms(nth(store, 2)) == Release()
