"""Draws from the prior of a PyMC model, for the prior predictive check and for trials of a model."""

import logging
from typing import TYPE_CHECKING

import numpy as np

from posterity.model.draws import Draws

if TYPE_CHECKING:
    import pymc as pm


def prior_draws(model: "pm.Model", count: int, seed: int) -> Draws:
    """`count` draws of all parameters and deterministic quantities of `model` from its prior."""
    import pymc as pm

    logging.getLogger("pymc").setLevel(logging.ERROR)
    names = [variable.name for variable in [*model.free_RVs, *model.deterministics]]
    with model:
        found = pm.sample_prior_predictive(draws=count, var_names=names, random_seed=seed, return_inferencedata=False)
    dims = {
        name: tuple(str(axis) for axis in model.named_vars_to_dims[name])
        for name in names
        if name in model.named_vars_to_dims
    }
    coords = {
        str(axis): [str(label) for label in labels] for axis, labels in model.coords.items() if labels is not None
    }
    return Draws({name: np.asarray(found[name]) for name in names}, dims, coords, seed)
