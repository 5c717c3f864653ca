"""The experiment pipeline: from raw data to a registered, converged data product."""

from typing import Dict  # noqa: UP035 (kfp reads these annotations)

from kfp import dsl

from components.check_data import check_data
from components.detect_drift import detect_drift
from components.diagnose import diagnose
from components.engineer_features import engineer_features
from components.evaluate import evaluate
from components.ingest import ingest
from components.notify import notify
from components.plan import plan
from components.predict import predict
from components.preprocess import preprocess
from components.register import register
from components.sample import sample


def own_cache(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Switch the backend's cache off: stages find earlier results in the store, by what they really depend on."""
    return task.set_caching_options(False)


@dsl.pipeline(  # type: ignore[untyped-decorator]
    name="posterity-experiment",
    description="Snapshot, test, sample in parallel, refuse what has not converged, publish, score, compare, register.",
)
def experiment(
    as_of: str,
    model: str = "flights",
    source: str = "",
    seed: int = 1,
    chains: int = 4,
    shards: str = "auto",
    sampler: Dict[str, float] = {},  # noqa: B006, UP006 (a constant in the compiled pipeline)
    run: str = "",
) -> None:
    """Run one model once.

    Args:
        as_of: The day up to which outcomes are known, YYYY-MM-DD.
        model: Name of an installed model, or path/file.py:Class.
        source: Where the raw data is; empty for the model's default source.
        seed: Root seed of all chains.
        chains: Number of chains.
        shards: Number of pods that share the chains, or auto.
        sampler: Settings that differ from the model's (draws, warmup, target_accept, …).
        run: Name of the run; empty for the identifier of the pipeline job.
    """
    name = f"{run}|{dsl.PIPELINE_JOB_ID_PLACEHOLDER}"
    common = {"run": name, "model": model}
    dated = {**common, "as_of": as_of}
    with dsl.ExitHandler(own_cache(notify(**dated)), name="experiment"):
        raw = own_cache(ingest(source=source, **dated)).outputs["snapshot"]
        checked = own_cache(check_data(snapshot=raw, **dated))
        clean = own_cache(preprocess(snapshot=raw, **common)).after(checked).outputs["clean"]
        features = own_cache(engineer_features(clean=clean, **common)).outputs["features"]
        tables = {"clean": clean, "features": features}
        planned = own_cache(plan(seed=seed, chains=chains, shards=shards, sampler=sampler, **tables, **dated))
        to_sample = planned.outputs["plan"]
        with dsl.ParallelFor(planned.outputs["Output"], name="shards") as shard:
            sampled = own_cache(sample(shard=shard, plan=to_sample, **common))
        draws = dsl.Collected(sampled.outputs["draws"])
        posterior = own_cache(diagnose(plan=to_sample, draws=draws, **tables, **dated)).outputs["posterior"]
        product = own_cache(predict(clean=clean, posterior=posterior, **dated)).outputs["product"]
        scores = own_cache(evaluate(clean=clean, product=product, **dated)).outputs["scores"]
        compared = own_cache(detect_drift(clean=clean, posterior=posterior, scores=scores, **dated))
        own_cache(
            register(
                snapshot=raw,
                plan=to_sample,
                posterior=posterior,
                product=product,
                scores=scores,
                drift=compared.outputs["drift"],
                **tables,
                **dated,
            )
        )
