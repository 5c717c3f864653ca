"""The draws of finished chains, read back from their blocks. Imports no engine: what judges draws samples none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.errors import CorruptError, NotFoundError
from posterity.sampling.blocks import plan_prefix, read_chain
from posterity.sampling.density import Array
from posterity.sampling.plan import Plan
from posterity.sampling.state import STATS
from posterity.store.objects import ObjectStore


@dataclass(frozen=True)
class Sample:
    """The draws of all chains of a plan: parameter -> (chains, draws, *shape), statistic -> (chains, draws)."""

    plan: str
    chains: Sequence[int]
    values: dict[str, Array]
    stats: dict[str, NDArray[Any]]


def assemble(store: ObjectStore, plan: str, chains: Sequence[int]) -> Sample:
    """The draws of `chains` of the plan with digest `plan`, verified block by block, chains in ascending order.

    Raises CorruptError when a chain is given twice, a block is not as it was written or the plan has another
    digest, NotFoundError when a chain is not finished.
    """
    if len(set(chains)) != len(chains) or not chains:
        raise CorruptError(f"chains {list(chains)} of plan {plan[:12]}: every chain must be there exactly once")
    key = f"{plan_prefix(plan)}/plan.json"
    facts = Plan.from_json(store.get(key))
    if facts.digest != plan:
        raise CorruptError(f"{store.url}/{key} was changed after it was written; run the stage plan again")
    ordered = sorted(chains)
    parts = [_whole_chain(store, facts, chain) for chain in ordered]
    values, stats = ({name: np.stack([part[i][name] for part in parts]) for name in parts[0][i]} for i in (0, 1))
    return Sample(plan, ordered, values, stats)


def _whole_chain(store: ObjectStore, plan: Plan, chain: int) -> tuple[dict[str, Array], dict[str, NDArray[Any]]]:
    settings = plan.settings
    blocks = [stored.block for stored in read_chain(store, plan.digest, chain)]
    if len(blocks) != settings.blocks:
        raise NotFoundError(
            f"chain {chain} of plan {plan.digest[:12]} has {len(blocks)} of {settings.blocks} blocks in "
            f"{store.url}; run the stage sample for it"
        )
    drawn = [block.draws for block in blocks if block.draws]
    draws = {name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]}
    stats = {name: np.concatenate([block.stats[name] for block in blocks])[settings.warmup :] for name in STATS}
    return draws, stats
