"""From a PyMC model to a `Density`; the only module of the engine that imports PyMC."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pymc as pm
from pymc.util import get_default_varnames

from posterity.errors import ModelError
from posterity.sampling.density import Array, Density, Parameter
from posterity.sampling.jaxify import jaxify
from posterity.sampling.runtime import export, jax

jnp = jax.numpy
PLATFORMS = ("cpu", "cuda")


def export_density(model: pm.Model) -> Density:
    """The log density of `model`, its gradient, and the map from the flat vector to the named parameters.

    Raises ModelError where a free variable is discrete, an operation has no JAX equivalent (it is named), or the
    log density or its gradient is not finite at the model's initial point (the variable or term is named).
    """
    _refuse_discrete(model)
    start = model.initial_point()
    free = [Parameter(var.name, np.shape(start[var.name])) for var in model.value_vars]
    initial = np.concatenate([np.ravel(start[item.name]) for item in free]).astype(np.float64)
    unpack = _unpacker(free)
    gradient = _export(_gradient(model, unpack), initial.size)
    _check_start(model, free, unpack, gradient, initial)
    named = get_default_varnames(model.unobserved_value_vars, include_transformed=False)
    constrain = _export(_constrain(model, named, unpack), initial.size)
    shapes = (value.shape for value in constrain.out_avals)
    parameters = tuple(_parameter(model, var.name, shape) for var, shape in zip(named, shapes, strict=True))
    return Density(
        bytes(gradient.serialize()),
        bytes(constrain.serialize()),
        initial,
        tuple(free),
        parameters,
        _coords(model, parameters),
    )


def _refuse_discrete(model: pm.Model) -> None:
    if not model.value_vars:
        raise ModelError("the model has no free variables; there is nothing to sample")
    if names := [var.name for var in model.discrete_value_vars]:
        raise ModelError(
            f"{', '.join(names)}: discrete free variables have no gradient; marginalise them or use a "
            "continuous distribution"
        )


def _unpacker(free: Sequence[Parameter]) -> Callable[[Any], list[Any]]:
    sizes = [int(np.prod(item.shape)) for item in free]
    starts = np.cumsum([0, *sizes])

    def unpack(x: Any) -> list[Any]:
        return [
            x[begin : begin + size].reshape(item.shape) for begin, size, item in zip(starts, sizes, free, strict=False)
        ]

    return unpack


def _gradient(model: pm.Model, unpack: Callable[[Any], list[Any]]) -> Callable[[Any], tuple[Any, Any]]:
    """x -> (log density, gradient).

    Differentiating by variable and joining the parts is cheaper than differentiating through the slices, which XLA
    turns into one sum of padded vectors.
    """
    log_density = jaxify(model.value_vars, [model.logp()])

    def value_and_gradient(x: Any) -> tuple[Any, Any]:
        value, parts = jax.value_and_grad(lambda values: log_density(*values)[0])(unpack(x))
        return value, jnp.concatenate([jnp.ravel(part) for part in parts])

    return value_and_gradient


def _constrain(
    model: pm.Model, named: Sequence[Any], unpack: Callable[[Any], list[Any]]
) -> Callable[[Any], tuple[Any, ...]]:
    function = jaxify(model.value_vars, named)
    return lambda x: tuple(jnp.asarray(value, jnp.float64) for value in function(*unpack(x)))


def _parameter(model: pm.Model, name: str, shape: Sequence[int]) -> Parameter:
    return Parameter(name, tuple(shape), tuple(str(axis) for axis in model.named_vars_to_dims.get(name, ())))


def _check_start(
    model: pm.Model,
    free: Sequence[Parameter],
    unpack: Callable[[Any], list[Any]],
    gradient: export.Exported,
    initial: Array,
) -> None:
    program = jax.jit(gradient.call).lower(initial)
    value, slope = program.compile({"xla_backend_optimization_level": 0})(initial)  # used once
    if not np.isfinite(value):
        raise ModelError(
            f"the log density at the start is {float(value)}: {_culprit(model, unpack, initial)}; "
            "check the data against the support of the distribution, or give the variable an initval"
        )
    for item, part in zip(free, unpack(np.asarray(slope)), strict=True):
        if not np.isfinite(part).all():
            raise ModelError(
                f"the gradient of the log density with respect to {item.name} is not finite at the start; "
                "give the variable an initval or a smoother prior"
            )


def _culprit(model: pm.Model, unpack: Callable[[Any], list[Any]], initial: Array) -> str:
    """Which terms of the log density are not finite."""
    terms = [*model.free_RVs, *model.observed_RVs, *model.potentials]
    values = jaxify(model.value_vars, model.logp(vars=terms, sum=False))(*unpack(jnp.asarray(initial)))
    bad = [f"{term.name} ({np.sum(value)})" for term, value in zip(terms, values, strict=True) if not _finite(value)]
    return ", ".join(bad) or "the sum of its terms overflows"


def _finite(value: Any) -> bool:
    return bool(np.isfinite(value).all())


def _export(function: Callable[[Any], Any], size: int) -> export.Exported:
    """`function` of a float64 vector as StableHLO, without the places in source files that would change its bytes."""
    argument = jax.ShapeDtypeStruct((size,), jnp.float64)
    limit = jax.config.jax_traceback_in_locations_limit
    jax.config.update("jax_traceback_in_locations_limit", 0)
    try:
        return export.export(jax.jit(function), platforms=PLATFORMS)(argument)
    except Exception as error:  # whatever JAX says to a graph that it cannot trace
        raise ModelError(
            f"the model cannot be turned into JAX ({type(error).__name__}: {str(error).splitlines()[0]}); shapes must "
            "not depend on values: use where instead of a mask"
        ) from error
    finally:
        jax.config.update("jax_traceback_in_locations_limit", limit)


def _coords(model: pm.Model, parameters: Sequence[Parameter]) -> dict[str, list[str]]:
    """Labels of every named axis, as text; numbers where the model has none."""
    sizes = {axis: size for item in parameters for axis, size in zip(item.dims, item.shape, strict=False)}
    known = {axis: model.coords.get(axis) for axis in sizes}
    return {axis: [str(label) for label in (known[axis] or range(size))] for axis, size in sizes.items()}
