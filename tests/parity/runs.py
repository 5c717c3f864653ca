"""Synthetic runs: tables, posteriors of known autocorrelation, final tables computed from draws."""

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.special import expit

from posterity.data.posterior import Posterior
from posterity.data.product import LEVELS, column
from posterity.parity import LegacyRun, PipelineRun

ROUTES = [f"{carrier}-{origin}" for carrier in ("AA", "B6", "UA") for origin in ("EWR", "JFK", "LGA")]
TRIALS = np.array([4, 12, 30, 31, 60, 90, 150, 300, 700])


def autoregressive(seed: int, rho: float, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal chains (chains, draws, …) with autocorrelation `rho`."""
    noise = np.random.default_rng(seed).normal(size=(shape[0], shape[1] + 200, *shape[2:])) * np.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=1)[:, 200:]


def posterior(seed: int, chains: int = 4, draws: int = 500, rho: float = 0.5, shift: float = 0.0) -> Posterior:
    """`level`, `sigma` and an effect per route; shift: of the effect of the third route, in its sd."""
    chain = autoregressive(seed, rho, (chains, draws, 2 + len(ROUTES)))
    effect = chain[:, :, 2:] * 0.3 + np.linspace(-1, 1, len(ROUTES))
    effect[:, :, 2] += 0.3 * shift
    values = {"level": -1.2 + 0.1 * chain[:, :, 0], "sigma": np.exp(0.3 * chain[:, :, 1]), "effect": effect}
    return Posterior(values, {}, list(range(chains)), {"effect": ("route",)}, {"route": ROUTES})


def product(drawn: Posterior, seed: int, simulated: bool, levels: tuple[float, ...] = LEVELS) -> pd.DataFrame:
    """The final table; simulated: from simulated counts, as scripts do it, else by the exact mixture's moments."""
    share = expit(drawn.values["level"][..., None] + drawn.values["effect"]).reshape(-1, len(ROUTES))
    counts = np.random.default_rng(seed).binomial(TRIALS, share if simulated else np.repeat(share, 20, axis=0)) / TRIALS
    table = {"carrier": [route[:2] for route in ROUTES], "origin": [route[3:] for route in ROUTES], "flights": TRIALS}
    table |= {column("late", "mean"): counts.mean(axis=0), column("late", "sd"): counts.std(axis=0)}
    if not simulated:
        table[column("late", "mcse")] = share.std(axis=0) / np.sqrt(len(share) / 3)
    for name, level in zip(LEVELS, levels, strict=True):
        method = "linear" if simulated else "inverted_cdf"
        table[column("late", name)] = np.quantile(counts, level, axis=0, method=method)
    return pd.DataFrame(table)


def tables(seed: int = 0, rows: int = 200) -> dict[str, pd.DataFrame]:
    """Raw, clean and features with text, times, whole numbers, numbers with NaN, booleans and a category."""
    rng = np.random.default_rng(seed)
    raw = pd.DataFrame(
        {
            "flight": np.arange(rows),
            "carrier": rng.choice(["AA", "B6", "UA"], rows),
            "when": pd.Timestamp("2013-01-01") + pd.to_timedelta(rng.integers(0, 10_000, rows), "min"),
            "delay": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(10, 20, rows)),
        }
    )
    clean = raw.assign(late=raw["delay"] > 15, block=pd.Categorical(rng.choice(["early", "late"], rows)))
    features = clean.groupby("carrier", as_index=False).agg(flights=("late", "size"), mean=("delay", "mean"))
    return {"raw": raw, "clean": clean, "features": features}


def pipeline_run(seed: int = 1) -> PipelineRun:
    drawn = posterior(seed)
    return PipelineRun(
        "pipeline",
        tables(),
        drawn,
        product(drawn, seed, simulated=False),
        ("flight",),
        ("carrier", "origin"),
        {"late": "flights"},
    )


def legacy_run(seed: int = 2, shift: float = 0.0) -> LegacyRun:
    drawn = posterior(seed, shift=shift)
    return LegacyRun("script", tables(), drawn, product(drawn, seed, simulated=True))
