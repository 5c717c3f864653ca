"""Run the script unmodified and keep what it leaves behind: python legacy/freeze.py [as-of]

Taps the named variables of the finished script and writes below legacy/outputs/<as-of>/: its table of predictions,
the clean table's digest, the feature table, and a summary of the posterior. Then writes legacy/outputs/SHA256SUMS.
"""

import hashlib
import json
import os
import runpy
import sys
from pathlib import Path

import arviz as az
import pandas as pd

HERE = Path(__file__).resolve().parent


def table_digest(table):
    """SHA-256 over column names, types and values, row by row."""
    head = json.dumps([[name, str(kind)] for name, kind in table.dtypes.items()]).encode()
    return hashlib.sha256(head + pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes()).hexdigest()


def main(as_of):
    out = HERE / "outputs" / as_of
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(out)
    sys.argv = ["flights.py", as_of]
    left = runpy.run_path(str(HERE / "flights.py"))
    Path("predictions_" + as_of + ".csv").rename("predictions.csv")
    tables = {"raw": left["df"], "clean": left["clean"], "features": left["feat"]}
    facts = {name: {"rows": len(t), "columns": list(t), "sha256": table_digest(t)} for name, t in tables.items()}
    Path("tables.json").write_text(json.dumps(facts, indent=2) + "\n")
    left["feat"].to_parquet("features.parquet", index=False)
    summary = az.summary(left["idata"], kind="all", round_to="none")
    columns = ["mean", "sd", "mcse_mean", "mcse_sd", "ess_bulk", "ess_tail", "r_hat"]
    summary[columns].to_csv("posterior.csv", index_label="parameter", float_format="%.6g")
    stats = left["idata"].sample_stats
    sampling = {"divergences": int(stats["diverging"].sum()), "chains": stats.sizes["chain"], "draws": stats.sizes["draw"]}
    Path("sampling.json").write_text(json.dumps(sampling, indent=2) + "\n")
    files = sorted(path for path in (HERE / "outputs").rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(HERE / 'outputs')}" for p in files]
    (HERE / "outputs" / "SHA256SUMS").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "2013-03-31")
