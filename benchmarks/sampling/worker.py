"""One contender in a process of its own: build, sample, judge; prints its figures as JSON.

`python -m benchmarks.sampling.worker NAME FOLDER SEED DRAWS TUNE`; a tune of 0 is the contender's default. The
environment variable BENCHMARK_STARTED holds the time at which the process was started.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STARTED = float(os.environ.get("BENCHMARK_STARTED", time.time()))
CHAINS, CORES = 4, 2

Figures = dict[str, Any]


def main(name: str, folder: Path, seed: int, draws: int, tune: int) -> None:
    """Run one contender."""
    figures = CONTENDERS[name](folder, seed, draws, tune)
    figures.setdefault("cpu", _cpu())
    print(json.dumps(figures))


def plan(folder: Path, seed: int, draws: int, tune: int) -> Figures:
    """Our stage `plan`."""
    from models.flights.model import Flights
    from posterity.sampling.export import export_density
    from posterity.sampling.plan import Plan, SamplerSettings

    imported = time.time()
    density = export_density(_build(folder))
    asked = {**Flights.sampler, "draws": draws, **({"warmup": tune} if tune else {})}
    settings = SamplerSettings.from_mapping(asked)
    made = Plan.of(model_code="flights", features="", density=density.digest, settings=settings, seed=seed)
    (folder / "density").write_bytes(density.to_bytes())
    (folder / "plan.json").write_bytes(made.to_json())
    return {"import": imported - STARTED, "compile": time.time() - imported, "cold": time.time() - STARTED}


def shard(folder: Path, *_: int) -> Figures:
    """Our stage `sample`, followed by the gate; seed and settings are the plan's."""
    import tempfile

    import posterity.sampling.shard as sampling
    from posterity.sampling.assembly import assemble
    from posterity.sampling.density import Density
    from posterity.sampling.plan import Plan
    from posterity.store import open_store

    moments = {"imported": time.time()}

    class Timed(sampling.Engine):
        """Says when the first gradient was there and when everything was compiled."""

        def start(self, key: Any) -> Any:
            point = super().start(key)
            moments.setdefault("gradient", time.time())
            self._advance.result(), self._constrain.result()
            if "compiled" not in moments:
                moments.update(compiled=time.time(), cpu=_cpu())
            return point

    sampling.Engine = Timed  # type: ignore[misc]
    density = Density.from_bytes((folder / "density").read_bytes())
    made = Plan.from_json((folder / "plan.json").read_bytes())
    with tempfile.TemporaryDirectory() as store_folder:
        store = open_store(f"file://{store_folder}")
        manifests = sampling.run_shard(store, made, density, range(CHAINS), threads=CORES)
        sampled, cpu = time.time(), _cpu()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found = assemble(store, made.digest, range(CHAINS))
    gradients, warm = (sum(chain[name] for chain in manifests) for name in ("gradients", "warmup_gradients"))
    figures = {
        "import": moments["imported"] - STARTED,
        "first_gradient": moments["gradient"] - STARTED,
        "compile": moments["compiled"] - moments["imported"],
        "sample": sampled - moments["compiled"],
        "sample_cpu": cpu - moments["cpu"],
        "warmup_share": warm / gradients,
        "gradients": gradients,
        "shard_memory_mb": peak,
    }
    parts = (found.values, density.dims, dict(density.coords), found.stats["diverging"], found.stats["energy"])
    return figures | _judged(folder, parts)


def pymc(folder: Path, seed: int, draws: int, tune: int) -> Figures:
    """`pm.sample` with its defaults, but for four chains."""
    import pymc as pm

    imported = time.time()
    model = _build(folder)
    with model:
        options = {"tune": tune} if tune else {}
        found = pm.sample(draws, chains=CHAINS, cores=CORES, random_seed=seed, progressbar=False, **options)
    seconds = float(found.sample_stats.attrs["sampling_time"])
    figures = {
        "import": imported - STARTED,
        "compile": time.time() - imported - seconds,
        "sample": seconds,
        "sample_cpu": sum(os.times()[2:4]),  # of the processes of the chains
    }
    return figures | _judged(folder, _from_inference_data(model, found))


def nutpie(folder: Path, seed: int, draws: int, tune: int, *, low_rank: bool = False) -> Figures:
    """nutpie on numba, with its defaults."""
    import nutpie as peer
    import pymc  # noqa: F401 (its import is not compilation)

    imported = time.time()
    model = _build(folder)
    compiled = peer.compile_pymc_model(model)
    ready, cpu = time.time(), _cpu()
    found = peer.sample(
        compiled,
        draws=draws,
        tune=tune or None,
        chains=CHAINS,
        cores=CORES,
        seed=seed,
        progress_bar=False,
        low_rank_modified_mass_matrix=low_rank,
    )
    done, cpu = time.time(), _cpu() - cpu
    warm, kept = (int(group["n_steps"].sum()) for group in (found.warmup_sample_stats, found.sample_stats))
    figures = {
        "import": imported - STARTED,
        "compile": ready - imported,
        "sample": done - ready,
        "sample_cpu": cpu,
        "warmup_share": warm / (warm + kept),
        "gradients": warm + kept,
    }
    return figures | _judged(folder, _from_inference_data(model, found))


def nutpie_low_rank(folder: Path, seed: int, draws: int, tune: int) -> Figures:
    """nutpie with the low-rank metric."""
    return nutpie(folder, seed, draws, tune, low_rank=True)


def numpyro(folder: Path, seed: int, draws: int, tune: int) -> Figures:
    """NumPyro's NUTS on PyMC's JAX log density, as `pm.sample(nuts_sampler="numpyro")` calls it.

    It compiles while it samples, so it samples a second time: the first run counts for the cold process, the
    second for the sampling alone.
    """
    import jax
    import numpy as np
    from numpyro.infer import MCMC, NUTS
    from pymc.sampling.jax import get_jaxified_graph, get_jaxified_logp
    from pymc.util import get_default_varnames

    jax.config.update("jax_enable_x64", True)
    imported = time.time()
    model = _build(folder)
    potential = get_jaxified_logp(model, negative_logp=False)  # its sign is that of a potential
    sampler = MCMC(
        NUTS(potential_fn=potential),
        num_warmup=tune or 1000,
        num_samples=draws,
        num_chains=CHAINS,
        chain_method="parallel",
        progress_bar=False,
    )
    point, rng = model.initial_point(), np.random.default_rng(seed)
    initial = [point[var.name] + rng.uniform(-1, 1, (CHAINS, *np.shape(point[var.name]))) for var in model.value_vars]
    fields = ("num_steps", "diverging", "energy")

    def run(key: int) -> float:
        begun = time.time()
        sampler.run(jax.random.PRNGKey(key), init_params=initial, extra_fields=fields)
        jax.block_until_ready(sampler.get_samples())
        return time.time() - begun

    first = run(seed)
    named = get_default_varnames(model.unobserved_value_vars, include_transformed=False)
    constrain = jax.jit(jax.vmap(jax.vmap(get_jaxified_graph(model.value_vars, named))))
    samples, extra = sampler.get_samples(group_by_chain=True), sampler.get_extra_fields(group_by_chain=True)
    values = {var.name: np.asarray(value) for var, value in zip(named, constrain(*samples), strict=True)}
    parts = (values, *_labels(model), np.asarray(extra["diverging"]), np.asarray(extra["energy"]))
    figures = {"import": imported - STARTED} | _judged(folder, parts)
    cpu, second = _cpu(), run(seed)
    figures |= {"cpu": cpu, "sample_cpu": _cpu() - cpu}
    return figures | {"compile": first - second, "sample": second, "draw_gradients": int(extra["num_steps"].sum())}


def _cpu() -> float:
    """CPU seconds of this process and its finished children."""
    return sum(os.times()[:4])


def _build(folder: Path) -> Any:
    from benchmarks.sampling.data import features
    from models.flights.model import Flights

    return Flights().build(features(folder))


def _labels(model: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, list[str]]]:
    dims = {name: tuple(map(str, axes)) for name, axes in model.named_vars_to_dims.items()}
    return dims, {axis: [str(label) for label in labels] for axis, labels in model.coords.items() if labels is not None}


def _from_inference_data(model: Any, found: Any) -> tuple[Any, ...]:
    values = {name: found.posterior[name].to_numpy() for name in found.posterior.data_vars}
    stats = found.sample_stats
    return values, *_labels(model), stats["diverging"].to_numpy(), stats["energy"].to_numpy()


def _judged(folder: Path, parts: tuple[Any, ...]) -> Figures:
    """The gate on all published quantities and all parameters, and the cold time up to its verdict."""
    from benchmarks.sampling.data import Chains, published
    from posterity.stats.gate import judge

    begun = time.time()
    chains = Chains(*parts)
    groups = published(folder, chains)
    parameters = {name: value.reshape(*value.shape[:2], -1) for name, value in chains.values.items()}
    labels = {name: [str(i) for i in range(value.shape[2])] for name, value in (groups | parameters).items()}
    report = judge(groups, parameters, labels, chains.diverging, chains.energy)
    ended = time.time()
    return {
        "gate": ended - begun,
        "cold": ended - STARTED,
        "verdict": report.verdict,
        "divergences": int(chains.diverging.sum()),
        "ess": min(check.ess_bulk for check in report.checks if check.published),
        "ess_predictions": min(check.ess_bulk for check in report.checks if check.group == "disrupted"),
        "ess_parameters": min(check.ess_bulk for check in report.checks if not check.published),
    }


CONTENDERS: dict[str, Callable[..., Figures]] = {
    "plan": plan,
    "shard": shard,
    "pymc": pymc,
    "nutpie": nutpie,
    "nutpie low-rank": nutpie_low_rank,
    "numpyro": numpyro,
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6]))
