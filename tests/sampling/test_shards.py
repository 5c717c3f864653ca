import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterity.sampling.shards import Costs, option, propose

seconds = st.floats(0, 1e5)
costs = st.builds(Costs, pod=seconds, start=seconds, chain=seconds, cores=st.integers(1, 8), basis=st.just("a test"))


@pytest.mark.parametrize(
    ("chain", "cores", "shards"),
    [
        (10, 2, 1),  # two rounds of 10 s in one pod: a second pod saves 10 s and takes 18 s
        (100, 1, 4),  # every further pod saves at least 33 s
        (100, 2, 2),  # two pods sample all chains at once: more would save nothing
        (20, 1, 2),  # of 80 s the second saves 40 s; the next two would save 20 s, and take 36 s
        (1000, 8, 1),
    ],
)
def test_a_pod_has_to_save_more_waiting_than_it_takes_to_start(chain, cores, shards):
    assert propose(Costs(13, 5, chain, cores, "a test"), 4).shards == shards


@given(costs, st.integers(1, 20))
def test_every_pod_of_a_proposal_pays(found, chains):
    proposal = propose(found, chains)
    there = {item.shards: item for item in proposal.options}
    best = there[proposal.shards]
    for item in there.values():
        saved = item.waiting - best.waiting
        assert saved >= found.overhead * (best.shards - item.shards) - 1e-6 * (1 + item.waiting + best.pod_seconds)
    assert all(item.waiting <= there[1].waiting for item in there.values())


@given(costs, st.integers(1, 20), st.integers(1, 20))
def test_waiting_is_bounded_by_the_work(found, chains, shards):
    item = option(found, chains, min(shards, chains))
    work = found.chain * chains / found.cores
    assert item.waiting * item.shards >= item.pod_seconds - 1e-6 * item.pod_seconds
    assert item.pod_seconds >= (work + found.overhead * item.shards) * (1 - 1e-9)
    assert (item.chains - 1) * item.shards < chains <= item.chains * item.shards


def test_the_reason_has_the_figures():
    one = propose(Costs(13, 5, 10, 2, "measured by run r"), 4).reason
    assert one == (
        "A pod takes 18 s before it samples and a chain 10 s (measured by run r); a pod samples 2 at a time. "
        "No further pod saves more waiting than its own start-up."
    )
    assert "4 pods save 300 s of waiting over one" in propose(Costs(13, 5, 100, 1, "a test"), 4).reason
