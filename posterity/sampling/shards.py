"""How many pods should share the chains of a plan, from what a pod costs before it samples and what a chain takes.

A further pod pays when the waiting that it saves is longer than its own start-up, which somebody has to pay for.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """What sampling takes, in seconds.

    pod: from the end of a stage to the first line of the next one's code; start: from there to the first step of a
    chain; chain: one chain that has a core to itself; cores: of a pod; basis: where these figures come from.
    """

    pod: float
    start: float
    chain: float
    cores: int
    basis: str

    @property
    def overhead(self) -> float:
        """Seconds that each pod takes before it samples."""
        return self.pod + self.start


@dataclass(frozen=True)
class Option:
    """A number of shards: chains of the largest one, seconds until the draws are there, seconds of all pods."""

    shards: int
    chains: int
    waiting: float
    pod_seconds: float


@dataclass(frozen=True)
class Proposal:
    """How many shards to use, and why; `options` are what was weighed, empty where there was nothing to weigh."""

    shards: int
    reason: str
    options: tuple[Option, ...] = ()


def propose(costs: Costs, chains: int) -> Proposal:
    """The number of shards for which waiting plus the start-up of all pods is least; the fewest of equal ones."""
    options = tuple(option(costs, chains, shards) for shards in range(1, chains + 1))
    best = min(options, key=lambda item: (item.waiting + costs.overhead * item.shards, item.shards))
    return Proposal(best.shards, _reason(costs, options, best), options)


def option(costs: Costs, chains: int, shards: int) -> Option:
    """What `chains` over `shards` pods take: a pod samples as many chains at a time as it has cores."""
    largest = -(-chains // shards)
    rounds = [-(-count // costs.cores) for count in _counts(chains, shards)]
    busy = [costs.overhead + costs.chain * count for count in rounds]
    return Option(shards, largest, max(busy), sum(busy))


def _counts(chains: int, shards: int) -> list[int]:
    """Chains of each shard, as even as can be."""
    return [chains // shards + (shard < chains % shards) for shard in range(shards)]


def _reason(costs: Costs, options: tuple[Option, ...], best: Option) -> str:
    figures = (
        f"A pod takes {costs.overhead:.0f} s before it samples and a chain {costs.chain:.0f} s ({costs.basis}); "
        f"a pod samples {costs.cores} at a time."
    )
    saved = options[0].waiting - best.waiting
    if best.shards == 1:
        return f"{figures} No further pod saves more waiting than its own start-up."
    return f"{figures} {best.shards} pods save {saved:.0f} s of waiting over one; more would save less than they cost."
