"""The exported log density of a model: all that a shard needs to sample from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.sampling.container import pack, unpack
from posterity.store.digest import digest_bytes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """A named array: its shape and the names of its axes (empty where the model names none)."""

    name: str
    shape: tuple[int, ...]
    dims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Density:
    """A model's posterior as two pure functions of the flat unconstrained vector, shape (dimension,), float64.

    gradient_program: `jax.export` bytes (StableHLO) of x -> (log density, its gradient);
    constrain_program: of x -> tuple of the constrained `parameters`; free: what the flat vector is made of, in
    order; initial: where chains start, each shifted by uniform noise in ±jitter; coords: axis name -> labels.
    """

    gradient_program: bytes
    constrain_program: bytes
    initial: Array
    free: tuple[Parameter, ...]
    parameters: tuple[Parameter, ...]
    coords: Mapping[str, Sequence[str]]
    jitter: float = 1.0

    @property
    def dimension(self) -> int:
        """Length of the flat unconstrained vector."""
        return int(self.initial.size)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Parameter -> names of its axes, for those that have names."""
        return {item.name: item.dims for item in self.parameters if item.dims}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `to_bytes()`; the same model on the same data has the same digest."""
        return digest_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The density as one deterministic block of bytes."""
        header = {
            "free": [[item.name, list(item.shape), list(item.dims)] for item in self.free],
            "parameters": [[item.name, list(item.shape), list(item.dims)] for item in self.parameters],
            "coords": {axis: list(labels) for axis, labels in self.coords.items()},
            "jitter": self.jitter,
        }
        arrays: dict[str, NDArray[Any]] = {
            "gradient_program": np.frombuffer(self.gradient_program, np.uint8),
            "constrain_program": np.frombuffer(self.constrain_program, np.uint8),
            "initial": self.initial,
        }
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "the density") -> "Density":
        """Read what `to_bytes` wrote; PyMC is not needed. Raises CorruptError naming `name`."""
        header, arrays = unpack(data, name)
        return cls(
            arrays["gradient_program"].tobytes(),
            arrays["constrain_program"].tobytes(),
            arrays["initial"],
            tuple(Parameter(label, tuple(shape), tuple(dims)) for label, shape, dims in header["free"]),
            tuple(Parameter(label, tuple(shape), tuple(dims)) for label, shape, dims in header["parameters"]),
            header["coords"],
            header["jitter"],
        )

    @cached_property
    def gradient_function(self) -> Callable[[Any], Any]:
        """x -> (log density, gradient), to be traced into a JAX program."""
        return _load(self.gradient_program)

    @cached_property
    def constrain_function(self) -> Callable[[Any], Any]:
        """x -> tuple of the constrained parameters, to be traced into a JAX program."""
        return _load(self.constrain_program)

    def value_and_grad(self, x: Array) -> tuple[float, Array]:
        """Log density at x, shape (dimension,), and its gradient."""
        value, gradient = self._compiled[0](x)
        return float(value), np.asarray(gradient)

    def constrain(self, x: Array) -> dict[str, Array]:
        """The named parameters at x."""
        values = self._compiled[1](x)
        return {item.name: np.asarray(value) for item, value in zip(self.parameters, values, strict=True)}

    @cached_property
    def _compiled(self) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        from posterity.sampling.runtime import jax

        return jax.jit(self.gradient_function), jax.jit(self.constrain_function)


def _load(program: bytes) -> Callable[[Any], Any]:
    from posterity.sampling.runtime import export

    call: Callable[[Any], Any] = export.deserialize(bytearray(program)).call
    return call
