"""Runs of legacy/flights.py and of the pipeline's model, each part of them once."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from models.flights.model import Flights
from posterity.data.posterior import Posterior
from posterity.parity import LegacyRun, PipelineRun, load_legacy
from posterity.scoring.predicting import predict_rows
from posterity.store import digest_bytes
from posterity.store.directory import DirectoryStore
from tests.parity.mutants import patch

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "legacy" / "flights.py"
FROZEN = ROOT / "legacy" / "outputs" / "2013-03-31"
MARCH = date(2013, 3, 31)
VARIABLES = {"raw": "df", "clean": "clean", "features": "feat", "posterior": "idata", "predictions": "pred"}
CHAINS, DRAWS, TUNE = 2, 250, 350
SAMPLING = "    idata = pm.sample(DRAWS, tune=TUNE, chains=CHAINS, cores=2, random_seed=SEED, progressbar=False)\n"
MODEL = "# --------------------------------------------------------------------------------------------------- model\n"


def tables_only(text: str) -> str:
    """The script up to its features; the sampling libraries are not imported."""
    assert text.count(MODEL) == 1, "the script has no place where its model begins"
    head = text.partition(MODEL)[0]
    return patch(patch(head, "import arviz as az\n", ""), "import pymc as pm\n", "")


def with_few_draws(text: str) -> str:
    """The script with fewer and shorter chains."""
    for name, usual, few in (("DRAWS", 1000, DRAWS), ("TUNE", 1000, TUNE), ("CHAINS", 4, CHAINS)):
        text = patch(text, f"\n{name} = {usual}\n", f"\n{name} = {few}\n")
    return text


def with_draws_of(text: str, file: Path) -> str:
    """The script with the draws in a NetCDF file instead of sampling."""
    return patch(text, SAMPLING, f"    idata = az.from_netcdf({str(file)!r})\n")


def record(folder: Path, text: str, compiled: Path) -> LegacyRun:
    """Run a copy of the script with the recorder, in `folder`; `compiled` keeps what PyTensor compiles for the next."""
    folder.mkdir()
    (folder / "flights.py").write_text(text)
    (folder / "map.json").write_text(json.dumps({"variables": VARIABLES}))
    command = [sys.executable, "-m", "posterity.parity.record", "--map", "map.json", "out", "flights.py"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "MKL_NUM_THREADS": "1",
        "PYTENSOR_FLAGS": f"base_compiledir={compiled}",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return load_legacy(folder / "out")


def pipeline_tables() -> dict[str, pd.DataFrame]:
    """What the stages ingest, preprocess and engineer_features make."""
    model = Flights()
    raw = model.extract(model.default_source, MARCH)
    clean = model.preprocess(raw)
    return {"raw": raw, "clean": clean, "features": model.features(clean)}


def pipeline_posterior(features: pd.DataFrame, folder: Path) -> Posterior:
    """What the stages plan, sample and diagnose make, by the same calls."""
    from posterity.sampling.assembly import assemble
    from posterity.sampling.export import export_density
    from posterity.sampling.plan import Plan, SamplerSettings
    from posterity.sampling.shard import run_shard

    density = export_density(Flights().build(features))
    settings = SamplerSettings.from_mapping(Flights().sampler)
    digest = digest_bytes(density.to_bytes())
    plan = Plan.of(model_code="", features="", density=digest, settings=settings, seed=20260101)
    store = DirectoryStore(folder)
    run_shard(store, plan, density, range(4))
    found = assemble(store, plan.digest, [0, 1, 2, 3])
    return Posterior(found.values, found.stats, [0, 1, 2, 3], density.dims, density.coords, 20260101)


def pipeline_run(tables: Mapping[str, pd.DataFrame], posterior: Posterior | None) -> PipelineRun:
    """The same as a run of the pipeline, its product as of the stage predict."""
    model, product = Flights(), None
    if posterior:
        targets = model.targets(tables["clean"], MARCH)
        pieces = [
            predict_rows(model, posterior.draws(), rows.reset_index(drop=True), posterior.shape[0])[0]
            for _, rows in targets.groupby(np.arange(len(targets)) // 200)
        ]
        product = pd.concat(pieces, ignore_index=True)
    exposures = {quantity.name: quantity.exposure for quantity in model.quantities}
    return PipelineRun("pipeline", tables, posterior, product, model.row_keys, model.keys, exposures)
