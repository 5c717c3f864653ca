"""Runs on a cluster: `submit`, `follow`, `logs`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.look import Run, known_run
from pipelines.cli.shared import CompileSetting, Image, Json, SampleImage, console, messages, print_json
from posterity.errors import NotFoundError, SettingsError
from posterity.settings import Settings

if TYPE_CHECKING:
    from pipelines.kubeflow.watch import ClusterRun

SUBMIT = """Examples:

  posterity submit flights --as-of 2013-03-31 --shards 4

  posterity submit flights --as-of 2013-03-31 --chains 8 --shards 8 --set draws=2000 --settings cluster.yaml

  posterity submit flights --image registry.example.org/posterity/stage:1a2b3c --no-wait --json"""
LOGS = """Examples:

  posterity logs

  posterity logs flights-2013-03-31-a1b2c3 sample

  posterity logs flights-2013-03-31-a1b2c3 sample.0,2"""


def attach(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog=SUBMIT)(submit)
    app.command(epilog="Examples:\n\n  posterity follow\n\n  posterity follow flights-2013-03-31-a1b2c3")(follow)
    app.command(epilog=LOGS)(logs)


def submit(
    model: Annotated[str, typer.Argument(help="Name of a model that the image holds.")],
    as_of: Annotated[str, typer.Option(help="The day up to which outcomes are known, YYYY-MM-DD; else today.")] = "",
    source: Annotated[str, typer.Option(help="Where the raw data is; the model's own source if not given.")] = "",
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    shards: Annotated[str, typer.Option(help="Pods that share the chains, or auto.")] = "auto",
    seed: Annotated[int, typer.Option(help="Root seed of all chains.")] = 1,
    sampler: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the sampler, such as draws=2000; repeatable.")
    ] = None,
    image: Image = "",
    sample_image: SampleImage = "",
    settings: CompileSetting = None,
    name: Annotated[str, typer.Option(help="Name of the run; made from model, day and a number if not given.")] = "",
    cause: Annotated[str, typer.Option(help="What started the run, for the record.")] = "by hand",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Show the run until it ends.")] = True,
    as_json: Json = False,
) -> None:
    """Run MODEL on the cluster that POSTERITY_API_ENDPOINT names, and show each stage until the run ends.

    Everything is checked before anything is uploaded. The pipeline is uploaded once; each model has an experiment. The
    run goes on when this command is stopped, and submitting it again under its name starts no second one. In a pod, the
    stages run in the pod's own image.
    """
    from pipelines.cli.run import day_of, run_name
    from pipelines.compile_settings import read_settings
    from pipelines.kubeflow.submit import Request
    from pipelines.kubeflow.submit import submit as start

    day, here = day_of(as_of), Settings.from_environment()
    asked = Request(
        model=model,
        as_of=day,
        run=run_name(name, {"model": model, "as_of": day}),
        source=source,
        seed=seed,
        chains=chains,
        shards=shards,
        sampler=dict(_setting(text) for text in sampler or []),
        cause=cause,
        settings=read_settings(settings or [], image or here.image, sample_image),
    )
    started = start(asked, here)
    if started.note:
        messages.print(started.note, soft_wrap=True, markup=False, highlight=False)
    if not as_json:
        _print_links(started.log.run, started.job, started.link)
    if wait:
        _wait(_cluster_run(started.log.run), as_json)
    elif as_json:
        print_json({"run": started.log.run, "job": started.job, "link": started.link})
    else:
        console.print(f"follow it with posterity follow {started.log.run}", highlight=False, soft_wrap=True)


def follow(run: Run = "", as_json: Json = False) -> None:
    """Show a run on the cluster until it ends, and then its outcome."""
    _wait(_cluster_run(run), as_json)


def logs(
    run: Run = "",
    stage: Annotated[str, typer.Argument(help="A stage, or sample.0,2 for a shard; all stages if not given.")] = "",
    as_json: Json = False,
) -> None:
    """Print what the stages of a run on the cluster have printed, also when their pods are gone."""
    from pipelines.kubeflow.logs import read_logs

    found = list(read_logs(known_run(run), stage, Settings.from_environment()))
    if as_json:
        print_json([vars(item) for item in found])
        return
    for item in found:
        console.print(f"[bold]{item.stage}[/]  {item.pod}, from {item.place}", highlight=False, soft_wrap=True)
        sys.stdout.write(item.text if item.text.endswith("\n") else f"{item.text}\n")


def _cluster_run(run: str) -> "ClusterRun":
    from pipelines.kubeflow.api import PipelinesApi
    from pipelines.kubeflow.cluster import Cluster
    from pipelines.kubeflow.submit import cluster_store
    from pipelines.kubeflow.watch import ClusterRun
    from posterity.runs import RunLog

    settings = Settings.from_environment()
    log = known_run(run)
    job = log.facts().get("job")
    if not job:
        raise NotFoundError(f"run {log.run} is none of a cluster; see posterity results {log.run}")
    patient = RunLog(cluster_store(settings), log.run)  # a store that is made again while we wait is waited for
    return ClusterRun(patient, str(job), PipelinesApi.of(settings), Cluster.of(settings))


def _wait(run: "ClusterRun", as_json: bool) -> None:
    """Show the run until it ends; raises what stopped it."""
    import time

    from pipelines.cli.summary import print_failure, print_summary, summarise
    from pipelines.display import follow as show

    try:
        if as_json:
            while not run.ended():
                time.sleep(run.interval)
        else:
            show(run, console)
    except KeyboardInterrupt:
        messages.print(f"the run goes on; follow it with posterity follow {run.log.run}", soft_wrap=True)
        sys.exit(130)
    error = run.failure()
    if as_json:
        print_json(summarise(run.log) | {"job": run.job, "pipeline_state": run.found.state if run.found else ""})
    elif error:
        print_failure(run.log, messages)
    else:
        print_summary(run.log, console)
    if error:
        raise error


def _print_links(run: str, job: str, link: str) -> None:
    lines = {"run": run, "pipeline run": job, "dashboard": link}
    for name, text in lines.items():
        console.print(f"[bold]{name:<13}[/]{text}", highlight=False, soft_wrap=True)


def _setting(text: str) -> tuple[str, float]:
    """A setting of the sampler from `name=value`. Raises SettingsError."""
    name, equals, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        equals = ""
    if not equals or not name:
        raise SettingsError(f"--set {text!r} is not a setting of the sampler; write it like draws=2000")
    return name, number
