"""The experiment pipeline: from raw data to a registered, converged data product."""

from collections.abc import Callable
from typing import Any, Dict  # noqa: UP035 (kfp reads these annotations)

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
from pipelines.compile_settings import CompileSettings
from pipelines.pods import configure

NAME = "posterity-experiment"
DESCRIPTION = "Snapshot, test, sample in parallel, refuse what has not converged, publish, score, compare, register."
Pod = Callable[[dsl.PipelineTask], dsl.PipelineTask]
Arguments = dict[str, Any]


def build(settings: CompileSettings) -> Any:
    """The pipeline, with pods that run as the settings say."""

    def pod(task: dsl.PipelineTask) -> dsl.PipelineTask:
        return configure(task, settings)

    @dsl.pipeline(name=NAME, description=DESCRIPTION)  # type: ignore[untyped-decorator]
    def experiment(
        as_of: str,
        model: str = "flights",
        source: str = "",
        seed: int = 1,
        chains: int = 4,
        shards: str = "auto",
        sampler: Dict[str, float] = {},  # noqa: B006, UP006 (a constant in the compiled pipeline)
        run: str = "",
        cause: str = "",
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
            cause: What started the run, such as cron; for the record.
        """
        # The identifier is a value of its own: a backend leaves it as it is inside a longer text.
        common = {"run": run, "job": dsl.PIPELINE_JOB_ID_PLACEHOLDER, "model": model}
        dated = {**common, "as_of": as_of}
        with dsl.ExitHandler(pod(notify(cause=cause, **dated)), name="experiment"):
            raw, reported, tables = _prepare(pod, {"source": source, "cause": cause}, common, dated)
            planned = pod(plan(seed=seed, chains=chains, shards=shards, sampler=sampler, **tables, **dated))
            to_sample = planned.outputs["plan"]
            shard_list = planned.outputs["Output"]
            with dsl.ParallelFor(shard_list, name="shards", parallelism=settings.parallelism or None) as shard:
                sampled = pod(sample(shard=shard, plan=to_sample, **common))
            draws = dsl.Collected(sampled.outputs["draws"])
            posterior = pod(diagnose(plan=to_sample, draws=draws, **tables, **dated)).outputs["posterior"]
            made = {"snapshot": raw, "plan": to_sample, "posterior": posterior}
            _publish(pod, made, tables, reported, dated)

    return experiment


def _prepare(pod: Pod, origin: Arguments, common: Arguments, dated: Arguments) -> tuple[Any, Any, Arguments]:
    """From the source to features: the snapshot, what servers were told, and the two tables."""
    ingested = pod(ingest(**origin, **dated))
    raw = ingested.outputs["snapshot"]
    checked = pod(check_data(snapshot=raw, **dated))
    clean = pod(preprocess(snapshot=raw, **common)).after(checked).outputs["clean"]
    features = pod(engineer_features(clean=clean, **common)).outputs["features"]
    return raw, ingested.outputs["reported"], {"clean": clean, "features": features}


def _publish(pod: Pod, made: Arguments, tables: Arguments, reported: Any, dated: Arguments) -> None:
    """From the posterior to a registered version."""
    clean, posterior = tables["clean"], made["posterior"]
    product = pod(predict(clean=clean, posterior=posterior, **dated)).outputs["product"]
    scores = pod(evaluate(clean=clean, product=product, reported=reported, **dated)).outputs["scores"]
    drift = pod(detect_drift(clean=clean, posterior=posterior, scores=scores, **dated)).outputs["drift"]
    pod(register(product=product, scores=scores, drift=drift, **made, **tables, **dated))


experiment = build(CompileSettings())  # what `kfp dsl compile` looks for
