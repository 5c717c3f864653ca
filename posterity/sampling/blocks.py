"""Blocks of chains as immutable objects in the store: `plans/<plan>/chains/<chain>/<block>`.

A block names the one before it by digest, so that one that was cut, or that belongs to another plan, chain or
attempt with other numbers, is noticed and named.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from posterity.errors import CorruptError, NotFoundError
from posterity.sampling.container import pack, unpack
from posterity.sampling.state import Block, ChainState
from posterity.store.digest import digest_bytes
from posterity.store.objects import ObjectStore


@dataclass(frozen=True)
class StoredBlock:
    """A verified block: its key and digest, and its content."""

    key: str
    sha256: str
    block: Block

    @property
    def leapfrogs(self) -> int:
        """Gradient evaluations of the block."""
        return int(self.block.stats["leapfrogs"].sum())

    @property
    def divergences(self) -> int:
        """Divergent steps of the block."""
        return int(self.block.stats["diverging"].sum())


def plan_prefix(plan: str) -> str:
    """Where everything of a plan lies."""
    return f"plans/{plan}"


def block_key(plan: str, chain: int, index: int) -> str:
    """The key of block `index` (from 0) of a chain."""
    return f"{plan_prefix(plan)}/chains/{chain}/{index:05d}"


def manifest_key(plan: str, chain: int) -> str:
    """The key of the manifest of a finished chain."""
    return f"{plan_prefix(plan)}/chains/{chain}/manifest.json"


def write_block(store: ObjectStore, plan: str, chain: int, index: int, previous: str, block: Block) -> StoredBlock:
    """Commit a block, unless it is there already.

    Raises CorruptError where another block with other numbers has its key.
    """
    key = block_key(plan, chain, index)
    arrays: dict[str, NDArray[Any]] = {f"draw/{name}": value for name, value in block.draws.items()}
    arrays |= {f"stat/{name}": value for name, value in block.stats.items()}
    arrays |= {f"state/{name}": value for name, value in block.state.to_arrays().items()}
    data = pack({"plan": plan, "chain": chain, "block": index, "previous": previous}, arrays)
    if not store.put(key, data) and store.get(key) != data:
        raise CorruptError(
            f"{store.url}/{key} holds other draws than this process computes from the same plan: it was changed, or "
            "written by another build of the engine; delete it and sample again"
        )
    return StoredBlock(key, digest_bytes(data), block)


def read_block(store: ObjectStore, plan: str, chain: int, index: int, previous: str) -> StoredBlock | None:
    """The verified block, None where it is not there. Raises CorruptError naming it."""
    key = block_key(plan, chain, index)
    try:
        data = store.get(key)
    except NotFoundError:
        return None
    header, arrays = unpack(data, f"{store.url}/{key}")
    expected = {"plan": plan, "chain": chain, "block": index, "previous": previous}
    if differing := [name for name, value in expected.items() if header.get(name) != value]:
        raise CorruptError(
            f"{store.url}/{key} does not follow the block before it: its {', '.join(differing)} differs; "
            "it was put there by hand or the chain was mixed up; delete it and sample again"
        )
    block = Block(_part(arrays, "draw/"), _part(arrays, "stat/"), ChainState.from_arrays(_part(arrays, "state/")))
    return StoredBlock(key, digest_bytes(data), block)


def read_chain(store: ObjectStore, plan: str, chain: int) -> Iterator[StoredBlock]:
    """The verified blocks of a chain, in order, up to the first that is missing. Raises CorruptError."""
    previous, index = "", 0
    while (stored := read_block(store, plan, chain, index, previous)) is not None:
        yield stored
        previous, index = stored.sha256, index + 1


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
