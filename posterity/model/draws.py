"""Posterior draws as a model's `predict` sees them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from posterity.errors import ModelError

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Draws:
    """Draws of all chains, one after the other.

    values: name → array of shape (draws, *shape); dims: name → names of the axes after the first;
    coords: axis name → its labels; seed: root seed of the plan, for noise that a prediction adds.
    """

    values: Mapping[str, Array]
    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coords: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0

    def __getitem__(self, name: str) -> Array:
        """The draws of one parameter. Raises ModelError when the posterior has no such parameter."""
        try:
            return self.values[name]
        except KeyError:
            raise ModelError(f"the posterior has no {name!r}; it has {', '.join(sorted(self.values))}") from None

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def effect(self, name: str, labels: Iterable[object], unseen: Array | None = None) -> Array:
        """Draws of the effect `name` (one axis) for each of `labels`, shape (draws, labels).

        A label that the posterior has never seen gets the column of `unseen` (draws, labels) at its place.
        Raises ModelError naming the label where `unseen` is None.
        """
        values = self[name]
        index = {label: i for i, label in enumerate(self.coords[self.dims[name][0]])}
        wanted = [str(label) for label in labels]
        positions = np.array([index.get(label, -1) for label in wanted], dtype=np.intp)
        taken = np.take(values.T, positions, axis=0).T  # the draws of a label side by side, as they are summarised
        missing = positions < 0
        if not missing.any():
            return taken
        if unseen is None:
            label = wanted[int(np.argmax(missing))]
            raise ModelError(
                f"{name} has no {label!r}: it was not in the training data and the model has no rule for it"
            )
        return np.where(missing, unseen, taken)

    def noise(self, labels: Iterable[object], purpose: str) -> Array:
        """Standard normal noise of shape (draws, labels), one sequence per label.

        It depends on (seed, purpose, label) alone, so a prediction does not change with the rows that happen
        to be computed together. All labels share one stratified sample, rotated and sign-flipped by the label's
        hash: right for each label by itself, not for the joint distribution of two.
        """
        draws = len(self)
        doubled = _noise_base(self.seed, purpose, draws)
        codes = np.array([_hash(f"{purpose}\x00{label}") for label in labels], dtype=np.uint64)
        shifts, signs = (
            (codes >> np.uint64(1)) % np.uint64(draws),
            1.0 - 2.0 * (codes & np.uint64(1)).astype(float),
        )
        windows = np.lib.stride_tricks.sliding_window_view(doubled, draws)
        return (windows[shifts.astype(np.intp)] * signs[:, None]).T

    def thin(self, count: int) -> "Draws":
        """At most `count` draws, evenly spaced."""
        step = max(1, len(self) // count)
        values = {name: value[::step][:count] for name, value in self.values.items()}
        return Draws(values, self.dims, self.coords, self.seed)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@lru_cache(maxsize=64)
def _noise_base(seed: int, purpose: str, count: int) -> Array:
    """The sample that all labels share, twice, one after the other."""
    rng = np.random.default_rng([seed, *hashlib.sha256(purpose.encode()).digest()])
    base = rng.permutation(_normal_scores(count))
    doubled = np.concatenate([base, base])
    doubled.flags.writeable = False
    return doubled


def _normal_scores(count: int) -> Array:
    """The normal quantiles at (i + 1/2) / count."""
    from scipy.special import ndtri

    scores: Array = ndtri((np.arange(count) + 0.5) / count)
    return scores
