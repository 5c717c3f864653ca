"""One measurement in a process of its own: `worker METHOD ROWS` prints seconds, peak memory and some quantiles."""

import json
import resource
import sys
import time

import numpy as np

from benchmarks.predict.workload import CHAINS, DRAWS, LEVELS, Array, Workload, workload

PIECE = 1000  # rows worked on at once, as in the stage `predict`
SHOWN = 500  # rows whose quantiles are compared


def mixture(work: Workload) -> tuple[float, Array]:
    """Ours: probabilities piece by piece, and the quantiles of their mixtures."""
    import scipy.special  # noqa: F401  # which is imported at its first use

    from posterity.scoring.predicting import overlapped
    from posterity.stats.predictive import summarise_binomial

    def quantiles(rows: slice, p: Array) -> None:
        found[rows] = summarise_binomial(p, work.trials[rows].astype(float), LEVELS, CHAINS).quantiles

    begun = time.perf_counter()
    found = np.empty((len(work.trials), len(LEVELS)))
    pieces = (slice(start, start + PIECE) for start in range(0, len(work.trials), PIECE))
    for _ in overlapped(pieces, work.probabilities, quantiles):
        pass
    return time.perf_counter() - begun, found[:SHOWN]


def pymc(work: Workload) -> tuple[float, Array]:
    """Theirs: a count for every draw and row; the seconds do not include the quantiles."""
    import arviz as az
    import pymc as pm

    def by_chain(values: Array) -> Array:
        return values.reshape(CHAINS, DRAWS, *values.shape[1:])

    posterior = {"intercept": work.intercept, "carrier": work.carrier_effects, "route": work.route_effects}
    idata = az.from_dict(posterior={name: by_chain(values) for name, values in posterior.items()})
    with pm.Model():
        logit = pm.Normal("intercept")
        logit += pm.Normal("carrier", shape=work.carrier_effects.shape[1])[work.carrier]
        logit += pm.Normal("route", shape=work.route_effects.shape[1])[work.route]
        pm.Binomial("count", n=work.trials, logit_p=logit, observed=np.zeros_like(work.trials))
        begun = time.perf_counter()
        simulated = pm.sample_posterior_predictive(idata, progressbar=False, random_seed=1)
        seconds = time.perf_counter() - begun
    counts = simulated.posterior_predictive["count"].to_numpy().reshape(CHAINS * DRAWS, -1)[:, :SHOWN]
    shares = np.quantile(counts, LEVELS, axis=0, method="inverted_cdf").T
    return seconds, shares / work.trials[:SHOWN, None]


def main() -> None:
    method, rows = sys.argv[1], int(sys.argv[2])
    work = workload(rows)
    seconds, found = {"mixture": mixture, "pymc": pymc}[method](work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    counts = np.rint(found * work.trials[:SHOWN, None]).astype(int).tolist()
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mib": peak, "counts": counts}))


if __name__ == "__main__":
    main()
