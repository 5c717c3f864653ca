"""Draws from the prior of a PyMC model, for the prior predictive check and for trials of a model."""

import logging
import warnings
from typing import TYPE_CHECKING

import numpy as np

from posterity.errors import ModelError
from posterity.model.draws import Draws

if TYPE_CHECKING:
    import pymc as pm


def prior_draws(model: "pm.Model", count: int, seed: int) -> Draws:
    """`count` draws of all parameters and deterministic quantities of `model` from its prior.

    Potentials are left out, as PyMC does. Raises ModelError for a prior that cannot be drawn from (pm.Flat).
    """
    import pymc as pm

    logging.getLogger("pymc").setLevel(logging.ERROR)
    names = [variable.name for variable in [*model.free_RVs, *model.deterministics]]
    try:
        with model, warnings.catch_warnings(action="ignore", category=UserWarning):
            found = pm.sample_prior_predictive(
                draws=count,
                var_names=names,
                random_seed=seed,
                return_inferencedata=False,
                compile_kwargs={"mode": "FAST_COMPILE"},  # compiling C takes longer than these few draws
            )
    except NotImplementedError as error:
        raise ModelError(f"the prior cannot be drawn from ({error}); a proper prior can be looked at first") from error
    dims = {
        name: tuple(str(axis) for axis in model.named_vars_to_dims[name])
        for name in names
        if name in model.named_vars_to_dims
    }
    coords = {
        str(axis): [str(label) for label in labels] for axis, labels in model.coords.items() if labels is not None
    }
    return Draws({name: np.asarray(found[name]) for name in names}, dims, coords, seed)
