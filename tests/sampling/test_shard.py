"""Shards, blocks and cores never change a number; what is stored is verified before it is used."""

import json
from pathlib import Path

import numpy as np
import pytest

from posterity.errors import CorruptError, NotFoundError, SettingsError
from posterity.sampling.assembly import assemble
from posterity.sampling.plan import Plan, SamplerSettings
from posterity.sampling.shard import run_shard
from posterity.store import open_store
from tests.sampling.conftest import SMALL, chain_objects, finish, plan_for, start_shard


def same_bytes(store, other, plan, chains):
    keys = [key for chain in range(chains) for key in chain_objects(store, plan, chain)]
    return len(keys) == chains * plan.settings.blocks and all(store.get(key) == other.get(key) for key in keys)


@pytest.fixture(scope="module")
def whole(density, tmp_path_factory):
    """Eight chains of a plan, sampled by one shard: (store, plan, density)."""
    schools = density("eight_schools")
    store, plan = open_store(f"file://{tmp_path_factory.mktemp('whole')}/store"), plan_for(schools)
    run_shard(store, plan, schools, range(8))
    return store, plan, schools


@pytest.mark.parametrize("shards", [2, 4, 8])
def test_shards_do_not_change_a_bit(whole, store, shards):
    reference, plan, schools = whole
    for first in range(shards):
        run_shard(store, plan, schools, range(first, 8, shards), threads=1)
    assert same_bytes(reference, store, plan, 8)


@pytest.mark.parametrize("done", range(SMALL.blocks))
def test_a_chain_resumes_after_any_block_bit_for_bit(whole, store, done):
    reference, plan, schools = whole
    for key in chain_objects(reference, plan, 0)[:done]:
        store.put(key, reference.get(key))
    (manifest,) = run_shard(store, plan, schools, [0])
    assert manifest["resumed_from"] == done
    assert same_bytes(reference, store, plan, 1)


def test_the_block_size_does_not_change_a_draw(whole, store):
    reference, plan, schools = whole
    other = plan_for(schools, SamplerSettings(draws=60, warmup=60, block=47))
    run_shard(store, other, schools, [0, 1])
    expected, found = assemble(reference, plan.digest, [0, 1]), assemble(store, other.digest, [0, 1])
    for name in expected.values:
        np.testing.assert_array_equal(found.values[name], expected.values[name])
    for name in expected.stats:
        np.testing.assert_array_equal(found.stats[name], expected.stats[name])


def test_what_is_finished_is_not_sampled_again(whole):
    store, plan, schools = whole
    manifests = run_shard(store, plan, schools, range(8))
    assert not any(manifest["sampled"] or manifest["gradients_now"] for manifest in manifests)
    assert all(manifest["gradients"] > 0 for manifest in manifests)


def test_chains_differ(whole):
    store, plan, _ = whole
    found = assemble(store, plan.digest, list(range(8)))
    assert found.values["mu"].shape == (8, 60)
    assert found.values["theta"].shape == (8, 60, 8)
    assert len(set(found.values["mu"][:, 0])) == 8
    np.testing.assert_allclose(
        found.values["theta"], found.values["mu"][..., None] + found.values["tau"][..., None] * found.values["z"]
    )


def test_the_order_of_chains_is_that_of_their_numbers(whole):
    store, plan, _ = whole
    forward, backward = assemble(store, plan.digest, [1, 4, 6]), assemble(store, plan.digest, [6, 1, 4])
    assert backward.chains == [1, 4, 6]
    np.testing.assert_array_equal(forward.values["mu"], backward.values["mu"])


@pytest.mark.parametrize("chains", [[0, 0, 1], []])
def test_chains_that_are_there_twice_or_not_at_all_are_refused(whole, chains):
    store, plan, _ = whole
    with pytest.raises(CorruptError, match="exactly once"):
        assemble(store, plan.digest, chains)


def test_a_missing_chain_is_named(whole):
    store, plan, _ = whole
    with pytest.raises(NotFoundError, match=r"chain 8 of plan .* has 0 of 5 blocks"):
        assemble(store, plan.digest, [0, 8])


def test_a_changed_plan_is_noticed(whole, store):
    _, plan, _ = whole
    changed = json.loads(plan.to_json()) | {"seed": 8}
    store.put(f"plans/{plan.digest}/plan.json", json.dumps(changed).encode())
    with pytest.raises(CorruptError, match=r"plan\.json was changed"):
        assemble(store, plan.digest, [0])


def path_of(store, key):
    return Path(store.url.removeprefix("file://")) / key


@pytest.mark.parametrize("block", [0, 2, SMALL.blocks - 1])
def test_a_truncated_block_is_named(whole, store, block):
    reference, plan, schools = whole
    keys = chain_objects(reference, plan, 3)
    for key in keys:
        store.put(key, reference.get(key))
    path = path_of(store, keys[block])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptError, match=f"chains/3/{block:05d}.* was cut or changed"):
        run_shard(store, plan, schools, [3])
    store.put(f"plans/{plan.digest}/plan.json", plan.to_json())
    with pytest.raises(CorruptError, match=f"chains/3/{block:05d}"):
        assemble(store, plan.digest, [3])


def test_a_block_of_another_chain_is_named(whole, store):
    reference, plan, schools = whole
    mine, others = chain_objects(reference, plan, 3), chain_objects(reference, plan, 4)
    store.put(mine[0], reference.get(mine[0]))
    store.put(mine[1], reference.get(others[1]))
    with pytest.raises(CorruptError, match=r"chains/3/00001 does not follow .* chain, previous differs"):
        run_shard(store, plan, schools, [3])


def test_a_later_block_with_other_numbers_is_named(whole, store):
    """A block that is there although the ones before it are not must be what is computed."""
    reference, plan, schools = whole
    keys = chain_objects(reference, plan, 3)
    store.put(keys[2], reference.get(keys[1]))
    with pytest.raises(CorruptError, match="chains/3/00002 holds other draws"):
        run_shard(store, plan, schools, [3])


def test_the_failure_of_one_chain_stops_the_others(whole, store):
    reference, plan, schools = whole
    keys = chain_objects(reference, plan, 1)
    store.put(keys[0], reference.get(keys[0])[:50])
    with pytest.raises(CorruptError, match="chains/1/00000"):
        run_shard(store, plan, schools, range(8), threads=2)


def test_another_density_is_refused(whole, store, density):
    _, plan, _ = whole
    with pytest.raises(CorruptError, match="is not that of plan"):
        run_shard(store, plan, density("funnel"), [0])


def test_a_plan_of_another_engine_is_refused(whole, store):
    _, plan, schools = whole
    foreign = Plan.from_json(plan.to_json().replace(b'"jax":"', b'"jax":"9'))
    with pytest.raises(SettingsError, match="versions"):
        run_shard(store, foreign, schools, [0])


def test_progress_tells_of_every_chain(density, store):
    schools, seen = density("eight_schools"), []
    plan = plan_for(schools, SamplerSettings(draws=50, warmup=50, block=20))
    manifests = run_shard(store, plan, schools, [2, 5], report=seen.append)
    assert [facts["chain"] for facts in seen[-1]] == [2, 5]
    for facts, manifest in zip(seen[-1], manifests, strict=True):
        assert (facts["step"], facts["total"], facts["phase"]) == (100, 100, "done")
        assert (facts["gradients"], facts["divergences"]) == (manifest["gradients"], manifest["divergences"])
        assert facts["seconds_left"] == 0
        assert 0 < facts["step_size"] < 10
    json.dumps(seen)


def test_the_manifest_adds_up(density, store):
    schools = density("eight_schools")
    plan = plan_for(schools)
    (manifest,) = run_shard(store, plan, schools, [0])
    found = assemble(store, plan.digest, [0])
    assert manifest["gradients"] - manifest["warmup_gradients"] == found.stats["leapfrogs"].sum()
    assert manifest["divergences"] == found.stats["diverging"].sum()
    assert manifest["blocks"] == chain_objects(store, plan, 0)
    assert manifest["sampled"] is True


def test_one_core_gives_the_bits_of_two(density, tmp_path):
    groups = density("binomial_groups")
    plan, outputs = plan_for(groups, SamplerSettings(draws=100, warmup=100, block=50)), []
    for name, cpus in (("one", "0"), ("all", "")):
        (tmp_path / name).mkdir()
        finish(start_shard(tmp_path / name, plan, groups, "0,1", cpus=cpus))
        outputs.append(open_store(f"file://{tmp_path / name}/store"))
    assert same_bytes(outputs[0], outputs[1], plan, 2)
