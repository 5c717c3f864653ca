"""NUTS as compiled programs over a plain state.

A step of a chain is a pure function of its state, its key and the step's index: the key of step s is
`fold_in(key, s)`. Programs are compiled once and shared by the threads of a shard.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posterity.errors import ModelError
from posterity.sampling.adaptation import FIRST_STEP_SIZE, Dual
from posterity.sampling.density import Array, Density
from posterity.sampling.plan import SamplerSettings
from posterity.sampling.runtime import jax
from posterity.sampling.state import Point

jnp = jax.numpy

Key = NDArray[np.uint32]
Program = Callable[..., Any]

ATTEMPTS = 100
"""Random starts that a chain may try before it gives up."""


class Steps(NamedTuple):
    """What a stretch of steps leaves behind, shape (steps, …); leapfrogs counts the gradient evaluations."""

    position: Array
    gradient: Array
    lp: Array
    acceptance: Array
    energy: Array
    step_size: Array
    depth: NDArray[np.int64]
    leapfrogs: NDArray[np.int64]
    diverging: NDArray[np.bool_]


class Engine:
    """The compiled sampler of one density.

    `start` and `advance` may be called from several threads; each call runs on the thread that makes it.
    """

    def __init__(self, density: Density, settings: SamplerSettings) -> None:
        self.density, self.settings = density, settings
        start = self._lower_start()
        pool = ThreadPoolExecutor(1, thread_name_prefix="compile")
        # The large program is compiled in the background while the first gradients are evaluated.
        self._advance = pool.submit(self._compile_advance)
        self._constrain = pool.submit(self._compile_constrain)
        pool.shutdown(wait=False)
        self._try_start: Program = start.compile({"xla_backend_optimization_level": 0})  # used once per chain

    def start(self, key: Key) -> Point:
        """The first random start around the density's initial point with a finite log density and gradient.

        Raises ModelError when there is none.
        """
        for attempt in range(ATTEMPTS):
            position, value, gradient = map(np.asarray, self._try_start(key, np.uint32(2**32 - 1 - attempt)))
            if np.isfinite(value) and np.isfinite(gradient).all():
                return Point(position, value, gradient)
        raise ModelError(
            f"no finite log density in {ATTEMPTS} random starts within ±{self.density.jitter} of the initial point; "
            "give the variables initvals or use priors with a wider support"
        )

    def advance(
        self, key: Key, steps: range, point: Point, inverse_mass: Array, dual: Array, *, warm: bool
    ) -> tuple[Point, Array, Steps]:
        """The steps with the indices `steps` (at most a block); with `warm` the step size adapts.

        Returns the point, the state of dual averaging and what happened.
        """
        program, count = self._advance.result(), len(steps)
        start = np.int64(steps.start), np.int64(count)
        point, dual, happened = program(key, *start, point, inverse_mass, dual, np.bool_(warm))
        kept = Steps(*(np.asarray(values)[:count] for values in happened))
        return Point(*map(np.asarray, point)), np.asarray(dual), kept

    def constrain(self, positions: Array) -> Mapping[str, Array]:
        """Parameter name -> values, shape (draws, *shape), of at most a block's positions, (draws, dimension)."""
        count = len(positions)
        padded = np.zeros((self.settings.block, self.density.dimension))
        padded[:count] = positions
        values = self._constrain.result()(padded)
        names = (item.name for item in self.density.parameters)
        return {name: np.asarray(value)[:count] for name, value in zip(names, values, strict=True)}

    def _lower_start(self) -> Any:
        density = self.density

        def try_start(key: Any, index: Any) -> Any:
            noise_key = jax.random.fold_in(jax.random.wrap_key_data(key), index)
            noise = jax.random.uniform(noise_key, (density.dimension,), minval=-density.jitter, maxval=density.jitter)
            position = density.initial + noise
            return position, *density.gradient_function(position)

        return jax.jit(try_start).lower(np.zeros(2, np.uint32), np.uint32(0))

    def _compile_constrain(self) -> Program:
        positions = np.zeros((self.settings.block, self.density.dimension))
        constrain = self.density.constrain_function
        return jax.jit(lambda x: jax.lax.map(constrain, x)).lower(positions).compile()  # type: ignore[no-any-return]

    def _compile_advance(self) -> Program:
        vector = np.zeros(self.density.dimension)
        point = Point(vector, np.zeros(()), vector)
        count, dual = np.int64(1), Dual.start(FIRST_STEP_SIZE)
        program = jax.jit(_advance(self.density, self.settings))
        return program.lower(np.zeros(2, np.uint32), count, count, point, vector, dual, np.bool_(True)).compile()  # type: ignore[no-any-return]


def _advance(density: Density, settings: SamplerSettings) -> Callable[..., Any]:
    import blackjax.mcmc.nuts as nuts  # 0.7 s that the first gradient need not wait for

    kernel = nuts.build_kernel()
    log_density = _differentiable(density)

    def step(index: Any, key: Any, state: Any, inverse_mass: Any, dual: Any, warm: Any) -> Any:
        step_size = jnp.exp(jnp.where(warm, dual[0], dual[1]))
        state, info = kernel(
            jax.random.fold_in(key, index), state, log_density, step_size, inverse_mass, settings.max_depth
        )
        dual = jnp.where(warm, average(dual, info.acceptance_rate, settings.target_accept), dual)
        row = Steps(
            state.position,
            state.logdensity_grad,
            state.logdensity,
            info.acceptance_rate,
            info.energy,
            step_size,
            info.num_trajectory_expansions,
            info.num_integration_steps,
            info.is_divergent,
        )
        return state, dual, row

    def advance(key: Any, first: Any, count: Any, point: Any, inverse_mass: Any, dual: Any, warm: Any) -> Any:
        key = jax.random.wrap_key_data(key)

        def body(i: Any, carry: Any) -> Any:
            state, dual, steps = carry
            state, dual, row = step(first + i, key, state, inverse_mass, dual, warm)
            return state, dual, Steps(*(kept.at[i].set(value) for kept, value in zip(steps, row, strict=True)))

        state = nuts.hmc.HMCState(*point)
        state, dual, steps = jax.lax.fori_loop(0, count, body, (state, dual, _empty(settings.block, density.dimension)))
        return Point(*state), dual, steps

    return advance


def _empty(block: int, dimension: int) -> Steps:
    wide, narrow = jnp.zeros((block, dimension)), jnp.zeros(block)
    counts = jnp.zeros(block, int)
    return Steps(wide, wide, narrow, narrow, narrow, narrow, counts, counts, jnp.zeros(block, bool))


def _differentiable(density: Density) -> Callable[[Any], Any]:
    """The log density as JAX differentiates it: by the exported gradient."""
    value_and_gradient = density.gradient_function

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def log_density(x: Any) -> Any:
        return value_and_gradient(x)[0]

    log_density.defvjp(value_and_gradient, lambda gradient, cotangent: (cotangent * gradient,))
    return log_density  # type: ignore[no-any-return]


SHRINKAGE, STABLE, DECAY = 0.05, 10.0, 0.75
"""gamma, t0 and kappa of Hoffman and Gelman (2014)."""


def average(dual: Any, acceptance: Any, target: float) -> Any:
    """One step of dual averaging of the log step size (see `Dual`)."""
    state = Dual(*dual)
    steps = state.steps + 1
    weight = 1 / (steps + STABLE)
    error = (1 - weight) * state.error + weight * (target - acceptance)
    log_step = state.center - jnp.sqrt(steps) / SHRINKAGE * error
    rate = steps**-DECAY
    log_average = rate * log_step + (1 - rate) * state.log_average
    return jnp.stack([log_step, log_average, error, state.center, steps])
