"""Tell the people who look after a model what they should know; the exit handler of every run."""

from datetime import UTC, datetime
from typing import Any, Literal

from posterity import cluster
from posterity.alerts import Alert, send
from posterity.errors import ModelError, PosterityError, UnavailableError
from posterity.registry import success, versions
from posterity.release import staging
from posterity.release.start import STAGING, start
from posterity.runs import RunLog
from posterity.stages.runner import Context, Result, Stage

NO_ERROR = "No stage left an error: it was stopped, or its pod never started. Look at posterity runs RUN and logs RUN."


def work(context: Context) -> Result:
    """Alert on failure, on a posterior that needs more draws, and on drift. A run without any of them is silent."""
    alerts = pending_alerts(context.log, str(context.inputs["state"]))
    tried, trouble = _start_staging(context)
    alerts += trouble
    deliveries = [send(alert, context.settings, context.store, context.log.run) for alert in alerts]
    _mirror(context)
    _note_success(context.log)
    values = {
        "alerts": [delivery.alert.title for delivery in deliveries if delivery.new],
        "failed_channels": [channel for delivery in deliveries for channel in delivery.failed],
        "staging": tried,
    }
    return Result(values=values)


def _note_success(log: RunLog) -> None:
    record = log.last_attempt("register")
    if record and record.status in {"ran", "reused"} and not log.failure:
        when = datetime.fromtimestamp(record.started + record.seconds, UTC).isoformat(timespec="milliseconds")
        success.note(log.store, success.Success(log.run, str(record.values["version"]), when))


def _mirror(context: Context) -> None:
    """A run that failed is an experiment run in the registry too; `register` sees to those that did not."""
    if context.log.failure:
        from posterity.registry import tracking

        try:
            name = context.model.name
        except ModelError:
            return  # the model itself is what failed: there is no name to mirror it under
        metrics = {name: value for record in context.log.stages() for name, value in _figures(record.values).items()}
        parameters = context.log.parameters()
        tracking.mirror_run(context.settings, name, context.log.run, "FAILED", parameters, metrics)


def _start_staging(context: Context) -> tuple[str, list[Alert]]:
    """Let the staging pipeline try what this run has registered; its page or identifier, and what to tell people."""
    registered = context.log.last_attempt("register")
    settings = context.settings
    if settings.release == "off" or not settings.api_endpoint or not cluster.is_pod():
        return "", []
    if not registered or registered.status != "ran":
        return "", []
    label = str(registered.values["version"])
    try:
        if staging.latest(context.store, versions.get(context.store, label)):
            return "", []
        job, link = start(settings, STAGING, label)
    except PosterityError as error:
        body = f"{error}\nTry it by hand: posterity promote {label} staging"
        return "", [Alert(f"{label} is not tried in staging", body, "warning", f"{label} not tried")]
    return link or job, []


def _figures(values: dict[str, Any]) -> dict[str, float]:
    figures = values.get("metrics")
    known = figures.items() if isinstance(figures, dict) else ()
    return {name: float(value) for name, value in known if isinstance(value, int | float)}


def pending_alerts(log: RunLog, state: str) -> list[Alert]:
    """The alerts that a run calls for, from what its stages left; `state` is how the backend says it ended."""
    alerts = []
    failed = log.failure
    if failed and failed.error:
        again = f"posterity stage {log.run} {failed.name} --pdb"
        body = f"{failed.error.kind}: {failed.error.message}\nRun {log.run}; look again with: {again}"
        what = "needs more draws" if failed.values.get("verdict") == "extend" else f"failed in {failed.name}"
        alerts.append(Alert(f"{log.run} {what}", body, "failure", f"{failed.name}: {failed.error.message}"))
    elif state == "FAILED":
        body = "\n".join(_pods(log)) or NO_ERROR
        alerts.append(Alert(f"{log.run} failed", body, "failure", "failed without an error"))
    for record in log.stages():
        if record.stage == "detect_drift" and record.values.get("verdict") in {"warn", "drift"}:
            alerts.append(_drift_alert(log.run, record.values))
    return alerts


def _pods(log: RunLog) -> list[str]:
    """What Kubernetes says of the run's pods, where none could leave an error: they were ended, or never started."""
    job = log.facts().get("job")
    try:
        return [str(trouble) for trouble in cluster.troubles_of_run(job)] if job and cluster.is_pod() else []
    except UnavailableError as error:
        return [NO_ERROR, str(error)]


def _drift_alert(run: str, values: dict[str, object]) -> Alert:
    verdict = str(values["verdict"])
    lines = [str(line) for line in _list(values, "findings")]
    if columns := [str(name) for name in _list(values, "inputs_drifted")]:
        lines.append(f"input columns that changed: {', '.join(columns)}")
    lines += [f"inspect {line}" for line in _list(values, "inspect")]
    level: Literal["failure", "warning"] = "failure" if verdict == "drift" else "warning"
    return Alert(f"{run}: {verdict} against the baseline", "\n".join(lines), level, f"{verdict}: {lines[:1]}")


def _list(values: dict[str, object], name: str) -> list[object]:
    found = values.get(name, [])
    return found if isinstance(found, list) else []


STAGE = Stage(work, cached=False)
