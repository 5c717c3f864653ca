"""Chains whose autocorrelation is known."""

import numpy as np
from scipy.signal import lfilter


def autoregressive(chains, draws, count, rho=0.6, seed=0):
    """Stationary standard-normal AR(1) chains (chains, draws, count): an ESS of (1 − ρ)/(1 + ρ) per draw."""
    noise = np.random.default_rng(seed).standard_normal((chains, count, draws))
    noise[..., 1:] *= np.sqrt(1 - rho**2)
    return np.moveaxis(lfilter([1], [1, -rho], noise, axis=-1), 1, 2)
