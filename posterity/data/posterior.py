"""The posterior as one NetCDF file that ArviZ reads (`arviz.from_netcdf`), written and read without importing it.

Groups `posterior` (variables with the dimensions chain, draw, …) and `sample_stats`, as in the InferenceData
schema, https://python.arviz.org/en/stable/schema/schema.html.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posterity.model.draws import Draws

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Posterior:
    """Draws of all chains, shape (chains, draws, *shape), with the sampler's statistics, shape (chains, draws).

    dims: parameter → names of the axes after the first two; coords: axis → its labels.
    """

    values: Mapping[str, NDArray[np.floating]]
    stats: Mapping[str, Array]
    chains: Sequence[int]
    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coords: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Number of chains and of draws per chain."""
        first = next(iter(self.values.values()))
        return int(first.shape[0]), int(first.shape[1])

    def draws(self) -> Draws:
        """The draws with the chains one after the other."""
        flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in self.values.items()}
        return Draws(flat, self.dims, self.coords, self.seed)

    def to_netcdf(self) -> bytes:
        """The file's bytes; the same posterior gives the same bytes."""
        import h5netcdf

        buffer = io.BytesIO()
        with h5netcdf.File(buffer, "w") as file:
            file.attrs["seed"] = self.seed
            self._write_group(file.create_group("posterior"), self.values, self.dims)
            self._write_group(file.create_group("sample_stats"), self.stats, {})
        return buffer.getvalue()

    def _write_group(self, group, values: Mapping[str, Array], dims: Mapping[str, tuple[str, ...]]) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        chains, draws = self.shape
        sizes = {"chain": chains, "draw": draws}
        group.dimensions = sizes
        group.create_variable("chain", ("chain",), data=np.asarray(self.chains, dtype=np.int64))
        group.create_variable("draw", ("draw",), data=np.arange(draws))
        for name in sorted(values):
            value = values[name]
            axes = ("chain", "draw", *dims.get(name, tuple(f"{name}_dim_{i}" for i in range(value.ndim - 2))))
            for axis, size in zip(axes, value.shape, strict=True):
                if axis not in group.dimensions:
                    group.dimensions[axis] = size
                    self._write_labels(group, axis)
            data = value.astype(np.int8) if value.dtype == bool else value
            group.create_variable(name, axes, data=data)

    def _write_labels(self, group, axis: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        import h5py

        if axis in self.coords:
            labels = np.array(self.coords[axis], dtype=object)
            group.create_variable(axis, (axis,), dtype=h5py.string_dtype(), data=labels)

    @classmethod
    def from_netcdf(cls, data: bytes) -> "Posterior":
        """Read what `to_netcdf` wrote."""
        import h5netcdf

        with h5netcdf.File(io.BytesIO(data), "r") as file:
            group = file["posterior"]
            axes = {name: tuple(group.variables[name].dimensions) for name in group.variables}
            parameters = [name for name, names in axes.items() if names[:2] == ("chain", "draw")]
            labelled = {name for name in axes if axes[name] == (name,)} - {"chain", "draw"}
            stats = file["sample_stats"]
            return cls(
                values={name: group.variables[name][...] for name in parameters},
                stats={name: stats.variables[name][...] for name in stats.variables if name not in {"chain", "draw"}},
                chains=[int(chain) for chain in group.variables["chain"][...]],
                dims={name: axes[name][2:] for name in parameters if len(axes[name]) > 2},
                coords={name: [_text(label) for label in group.variables[name][...]] for name in labelled},
                seed=int(file.attrs["seed"]),
            )


def _text(label: object) -> str:
    return label.decode() if isinstance(label, bytes) else str(label)
