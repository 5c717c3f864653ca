"""Direct Monte Carlo: independent draws of a fitted distribution, shared out to shards like chains.

Needs NumPy and the model alone. Batch c is drawn with the generator `SeedSequence(root, spawn_key=(c,))`, so that the
number of shards never changes a number.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.errors import CorruptError
from posterity.model.contract import MonteCarloModel
from posterity.store import ObjectStore, digest_bytes

Arrays = Mapping[str, NDArray[Any]]


def to_bytes(arrays: Arrays) -> bytes:
    """Named arrays without objects as one .npz; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(arrays[name]) for name in sorted(arrays)})
    return buffer.getvalue()


def from_bytes(data: bytes) -> dict[str, NDArray[Any]]:
    """Read what `to_bytes` wrote. Raises CorruptError on anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, KeyError, EOFError) as error:
        raise CorruptError(f"these bytes are no arrays ({error}); run the stage that wrote them again") from error


def draw_batches(
    store: ObjectStore, plan: str, model: MonteCarloModel, fitted: Arrays, batches: Iterable[int], draws: int, seed: int
) -> list[dict[str, Any]]:
    """Draw what is not in the store yet, `draws` per batch; returns a manifest per batch."""
    manifests = []
    for batch in batches:
        key = batch_key(plan, batch)
        is_new = store.size(key) is None
        if is_new:
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(batch,)))
            store.put(key, to_bytes(model.draw(fitted, rng, draws)))
        manifests.append({"chain": batch, "sha256": digest_bytes(store.get(key)), "sampled": is_new})
    return manifests


def assemble_batches(
    store: ObjectStore, plan: str, manifests: Sequence[Mapping[str, Any]]
) -> dict[str, NDArray[np.floating]]:
    """The draws of all batches, name → (batches, draws, *shape), verified."""
    parts = []
    for manifest in sorted(manifests, key=lambda manifest: manifest["chain"]):
        data = store.get(batch_key(plan, manifest["chain"]))
        if digest_bytes(data) != manifest["sha256"]:
            raise CorruptError(
                f"{store.url}/{batch_key(plan, manifest['chain'])} is not what was drawn; delete it and run again"
            )
        parts.append(from_bytes(data))
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def batch_key(plan: str, batch: int) -> str:
    """Where the draws of a batch lie."""
    return f"plans/{plan}/chains/{batch}/draws.npz"
