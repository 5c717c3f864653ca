"""A shard that is killed at any moment is finished by the next one, bit for bit."""

import json
import random
import signal
import time

import numpy as np
import pytest

from posterity.sampling.assembly import assemble
from posterity.sampling.plan import SamplerSettings
from posterity.store import open_store
from tests.sampling.conftest import chain_objects, finish, plan_for, start_shard

CHAINS = [0, 1, 2]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_shard_is_finished_by_the_next(density, tmp_path, how):
    groups = density("binomial_groups")
    plan = plan_for(groups, SamplerSettings(draws=500, warmup=200, block=20))
    (tmp_path / "calm").mkdir()
    (tmp_path / "killed").mkdir()
    calm = json.loads(finish(start_shard(tmp_path / "calm", plan, groups, "0,1,2")))["manifests"]
    store = open_store(f"file://{tmp_path}/killed/store")

    # However slowly this test runs, the process does not reach its end before it is killed.
    last = plan.settings.blocks * len(CHAINS) - 1
    process = start_shard(tmp_path / "killed", plan, groups, "0,1,2", blocks=last)
    wanted = random.randint(1, last)
    while sum(blocks_there(store, plan)) < wanted and process.poll() is None:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.05))
    process.send_signal(how)
    process.communicate()
    assert process.returncode == -how
    there = blocks_there(store, plan)
    assert wanted <= sum(there) <= last

    manifests = json.loads(finish(start_shard(tmp_path / "killed", plan, groups, "0,1,2")))["manifests"]
    for manifest, count in zip(manifests, there, strict=True):
        finished = count == plan.settings.blocks
        assert manifest["sampled"] is not finished
        assert finished or manifest["resumed_from"] == count
    kept = sum(
        np.concatenate([evaluations(store, key) for key in chain_objects(store, plan, chain)[:count]]).sum()
        for chain, count in zip(CHAINS, there, strict=True)
        if count
    )
    total = sum(manifest["gradients"] for manifest in calm)
    assert sum(manifest["gradients_now"] for manifest in manifests) == total - kept
    expected = assemble(open_store(f"file://{tmp_path}/calm/store"), plan.digest, CHAINS)
    found = assemble(store, plan.digest, CHAINS)
    for name in expected.values:
        np.testing.assert_array_equal(found.values[name], expected.values[name])


def blocks_there(store, plan):
    return [len(chain_objects(store, plan, chain)) for chain in CHAINS]


def evaluations(store, key):
    from posterity.sampling.container import unpack

    return unpack(store.get(key), key)[1]["stat/leapfrogs"]
