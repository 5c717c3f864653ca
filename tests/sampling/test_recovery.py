"""A shard that is killed at any moment is finished by the next one, bit for bit."""

import json
import random
import signal
import time

import numpy as np
import pytest

from posterity.sampling.plan import SamplerSettings
from posterity.sampling.shard import assemble
from posterity.store import open_store
from tests.sampling.conftest import chain_objects, finish, plan_for, start_shard

CHAINS = [0, 1, 2]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_shard_is_finished_by_the_next(density, tmp_path, how):
    groups = density("binomial_groups")
    plan = plan_for(groups, SamplerSettings(draws=1500, warmup=300, block=50))
    (tmp_path / "calm").mkdir()
    (tmp_path / "killed").mkdir()
    calm = json.loads(finish(start_shard(tmp_path / "calm", plan, groups, "0,1,2")))["manifests"]
    store = open_store(f"file://{tmp_path}/killed/store")

    process = start_shard(tmp_path / "killed", plan, groups, "0,1,2")
    while not chain_objects(store, plan, 0) and process.poll() is None:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.5))
    process.send_signal(how)
    process.communicate()
    assert process.returncode == -how
    there = [len(chain_objects(store, plan, chain)) for chain in CHAINS]
    assert 0 < sum(there) < plan.settings.blocks * len(CHAINS), "killed too late to test anything"

    manifests = json.loads(finish(start_shard(tmp_path / "killed", plan, groups, "0,1,2")))["manifests"]
    assert [manifest["resumed_from"] for manifest in manifests] == there
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


def evaluations(store, key):
    from posterity.sampling.container import unpack

    return unpack(store.get(key), key)[1]["stat/leapfrogs"]
