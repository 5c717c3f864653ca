"""What decides the numbers of a chain, and the digest that names it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.errors import CorruptError, SettingsError
from posterity.sampling.adaptation import Method
from posterity.store.digest import canonical_json, digest_bytes, digest_json


@dataclass(frozen=True)
class SamplerSettings:
    """How every chain of a plan is sampled.

    draws and warmup: steps per chain; target_accept: mean acceptance that the step size is tuned to; max_depth: a
    trajectory has at most 2^max_depth - 1 leapfrog steps; adaptation: `fisher` (default) or `stan`; block: steps
    that are committed together. Raises SettingsError on a value out of range.
    """

    draws: int = 1000
    warmup: int = 400
    target_accept: float = 0.8
    max_depth: int = 10
    adaptation: Method = "fisher"
    block: int = 100

    def __post_init__(self) -> None:
        rules = {
            "draws": self.draws >= 1,
            "warmup": self.warmup >= 20,
            "target_accept": 0 < self.target_accept < 1,
            "max_depth": 1 <= self.max_depth <= 15,
            "adaptation": self.adaptation in {"fisher", "stan"},
            "block": self.block >= 1,
        }
        for name, holds in rules.items():
            if not holds:
                raise SettingsError(f"sampler setting {name}={getattr(self, name)!r} is out of range")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "SamplerSettings":
        """From a mapping such as a pipeline parameter. Raises SettingsError on a name that is not a setting."""
        kinds = {item.name: item.type for item in fields(cls)}
        if unknown := sorted(set(values) - set(kinds)):
            raise SettingsError(f"{', '.join(unknown)}: no such sampler setting; there are {', '.join(kinds)}")
        chosen: dict[str, Any] = {name: int(value) if kinds[name] is int else value for name, value in values.items()}
        return cls(**chosen)

    @property
    def steps(self) -> int:
        """Steps of a chain, warm-up and draws."""
        return self.warmup + self.draws

    @property
    def blocks(self) -> int:
        """Blocks of a chain; the last one may be shorter."""
        return -(-self.steps // self.block)


@dataclass(frozen=True)
class Plan:
    """Everything that decides the numbers of a chain, except its index.

    model_code, features, density: digests; seed: the root seed; versions, cpu, engine: what computes them.
    """

    model_code: str
    features: str
    density: str
    settings: SamplerSettings
    seed: int
    versions: Mapping[str, str] = field(default_factory=dict)
    cpu: str = ""
    engine: str = ""

    @classmethod
    def of(cls, *, model_code: str, features: str, density: str, settings: SamplerSettings, seed: int) -> "Plan":
        """A plan for this process's packages, CPU and engine."""
        return cls(model_code, features, density, settings, seed, **environment())

    @property
    def digest(self) -> str:
        """SHA-256 that names the plan; neither the number of chains nor that of shards is in it."""
        return digest_bytes(self.to_json())

    def to_json(self) -> bytes:
        """The plan as canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, data: bytes) -> "Plan":
        """Read what `to_json` wrote. Raises CorruptError."""
        try:
            value = json.loads(data)
            return cls(**{**value, "settings": SamplerSettings(**value["settings"])})
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptError(f"these bytes are no plan ({error}); run the stage plan again") from error

    def check_environment(self) -> None:
        """Raises SettingsError naming what differs between this process and the one that made the plan."""
        here, there = environment(), {"versions": dict(self.versions), "cpu": self.cpu, "engine": self.engine}
        if differing := [f"{name} {there[name]!r} here {here[name]!r}" for name in there if there[name] != here[name]]:
            raise SettingsError(
                f"plan {self.digest[:12]} was made for another engine ({'; '.join(differing)}): its chains would "
                "differ in their last bits; run the stage plan again with this image and CPU"
            )


def environment() -> dict[str, Any]:
    """Versions of the packages, CPU family and digest of the engine's own source."""
    from posterity.sampling.runtime import cpu_family, versions

    return {"versions": versions(), "cpu": cpu_family(), "engine": engine_digest()}


ENGINE = ("adaptation.py", "chain.py", "engine.py", "plan.py", "runtime.py")
"""The files that decide the numbers of a chain."""


@cache
def engine_digest() -> str:
    """SHA-256 over the source of the engine."""
    here = Path(__file__).parent
    return digest_json({name: (here / name).read_text() for name in ENGINE})


def chain_key(root_seed: int, chain: int) -> NDArray[np.uint32]:
    """The key of chain `chain`, shape (2,): it depends on nothing else."""
    state: NDArray[np.uint32] = np.random.SeedSequence(root_seed, spawn_key=(chain,)).generate_state(2)  # type: ignore[assignment]
    return state
