"""Sampling over pods: the same bits as on one machine, whatever happens to pods, store and registry on the way."""

import json
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from posterity.registry import versions
from posterity.sampling.blocks import manifest_key, read_chain

from .cluster import PARTS, Cluster, Pod, Reference, new, until

pytestmark = pytest.mark.cluster

JANUARY = "2026-01-31"


def committed(cluster: Cluster, plan: str, chain: int) -> int:
    """Blocks of a chain that are in the store."""
    return sum("manifest" not in key for key in cluster.store.list(f"plans/{plan}/chains/{chain}/"))


def gradients_from(cluster: Cluster, plan: str, chain: int, block: int) -> int:
    """Gradient evaluations of a chain from a block on."""
    blocks = [stored.block for stored in read_chain(cluster.store, plan, chain)]
    return sum(int(part.stats["leapfrogs"].sum()) for part in blocks[block:])


def forget(cluster: Cluster, plan: str) -> None:
    """Remove everything that was sampled, and what came of it, so that the same plan has to be sampled again."""
    made = (f"plans/{plan}/chains/", f"plans/{plan}/shards/", "cache/sample/", "cache/diagnose/", "cache/predict/")
    for prefix in made:
        for key in list(cluster.store.list(prefix)):
            cluster.store.erase(key)


def test_four_shards_give_the_bits_of_one_machine(cluster: Cluster, flights: Reference) -> None:
    forget(cluster, flights["plan"])
    log = cluster.run(new("flights"), "flights", "2013-03-31", shards="4")
    assert cluster.made(log.run) == flights
    shards = [record for record in log.stages() if record.stage == "sample"]
    assert [record.part for record in shards] == ["0", "1", "2", "3"]
    manifests = [json.loads(cluster.store.get(manifest_key(flights["plan"], chain))) for chain in range(4)]
    assert len({manifest["pod"] for manifest in manifests}) == 4
    version = versions.get(cluster.store, str(log.stage("register").values["version"]))
    assert version.gate == "pass"
    if version.run == log.run:  # else the same product was registered by an earlier run of these tests
        assert version.image == cluster.images["stage"]


def test_pods_that_die_cost_nothing_that_was_committed(cluster: Cluster, valley: Reference) -> None:
    kill: dict[str, Callable[[Pod], None]] = {
        "0": cluster.delete,
        "1": cluster.force_delete,
        "2": cluster.evict,
        "3": cluster.use_up_memory,
        "4": cluster.kill,
    }
    plan, name = valley["plan"], new("killed")
    forget(cluster, plan)
    job = cluster.start(name, "valley", JANUARY, slow=True, chains=5, shards="5")

    until(lambda: len(cluster.pods(job, "sample")) == len(kill))
    pods = {_part(pod): pod for pod in cluster.pods(job, "sample")}

    def harm(part: str) -> None:
        until(lambda: committed(cluster, plan, int(part)))
        kill[part](pods[part])

    with ThreadPoolExecutor(len(kill)) as pool:
        list(pool.map(harm, kill))
    assert cluster.finish(job) == "SUCCEEDED", cluster.log(name).failure
    assert cluster.made(name) == valley
    for part in kill:
        manifest = json.loads(cluster.store.get(manifest_key(plan, int(part))))
        assert manifest["resumed_from"] >= 1, f"chain {part} was not interrupted"
        again = gradients_from(cluster, plan, int(part), manifest["resumed_from"])
        assert cluster.log(name).stage(f"sample.{part}").values["gradients_now"] == again < manifest["gradients"]


def _part(pod: Pod) -> str:
    """The chains that a pod samples, from its command."""
    container = pod["spec"]["containers"][0]
    words = " ".join([*container.get("command", ()), *container.get("args", ())])
    found = re.search(r'"shard":\s*"([\d,]+)"', words)
    return found[1] if found else ""


def test_store_and_registry_may_restart_in_the_middle(cluster: Cluster, valley: Reference) -> None:
    plan, name = valley["plan"], new("restarted")
    forget(cluster, plan)
    with cluster.without("deployment/posterity-registry"):
        job = cluster.start(name, "valley", JANUARY, chains=5, shards="3")
        until(lambda: committed(cluster, plan, 0))
        cluster.kubectl("delete", "pod", "minio-0", "--wait=false")
        assert cluster.finish(job) == "SUCCEEDED", cluster.log(name).failure
    assert cluster.made(name) == valley


def test_what_was_sampled_before_the_store_went_away_is_not_sampled_again(cluster: Cluster, valley: Reference) -> None:
    plan, name = valley["plan"], new("back")
    forget(cluster, plan)
    job = cluster.start(new("away"), "valley", JANUARY, chains=5, shards="5")
    until(lambda: committed(cluster, plan, 0))
    with cluster.without("statefulset/minio"):
        cluster.kfp.terminate_run(job)
        until(lambda: not cluster.pods(job, "sample", ending=True))
    done = {chain: committed(cluster, plan, chain) for chain in range(5)}
    assert sum(done.values())
    log = cluster.run(name, "valley", JANUARY, chains=5, shards="2")
    assert cluster.made(name) == valley
    expected = sum(gradients_from(cluster, plan, chain, done[chain]) for chain in range(5))
    assert sum(record.values["gradients_now"] for record in log.stages() if record.stage == "sample") == expected


def test_runs_at_the_same_time_do_not_disturb_each_other(cluster: Cluster, valley: Reference, sales: str) -> None:
    quick = {"chains": 4, "shards": "2", "seed": secrets.randbelow(1 << 30), "sampler": {"draws": 400, "warmup": 100}}
    twins, other = (new("twin"), new("twin")), new("coffee")
    jobs = [cluster.start(name, "valley", JANUARY, **quick) for name in twins]
    jobs.append(cluster.start(other, "coffee", "2026-08-31", source=sales, shards="2"))
    assert [cluster.finish(job) for job in jobs] == ["SUCCEEDED"] * 3
    one, two = (cluster.made(name) for name in twins)
    assert one == two
    assert {part: one[part] for part in PARTS[:3]} == {part: valley[part] for part in PARTS[:3]}
    numbers = {cluster.log(name).stage("register").values["number"] for name in twins}
    assert len(numbers) == 1
    assert cluster.log(other).stage("diagnose").values["verdict"] == "pass"
