"""Pods as the API of Kubernetes describes them, cut down to what is read."""

from typing import Any

WHEN = "2026-02-28T12:00:00Z"


def pod(
    name: str = "w-system-container-impl-1",
    stage: str = "ingest",
    job: str = "job-1",
    created: str = WHEN,
    **status: Any,
) -> dict[str, Any]:
    labels = {"pipeline/runid": job, "app.kubernetes.io/component": stage}
    return {"metadata": {"name": name, "labels": labels, "creationTimestamp": created}, "status": status}


def waiting(reason: str, message: str, **more: Any) -> dict[str, Any]:
    """The status of a pod whose container waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    container = {"name": "main", "image": "posterity/stage:nope", "state": state}
    return {"phase": "Pending", "containerStatuses": [container], **more}


def ended(reason: str, code: int) -> dict[str, Any]:
    """The status of a pod whose container has ended."""
    state = {"terminated": {"reason": reason, "exitCode": code}}
    return {"phase": "Failed", "containerStatuses": [{"name": "main", "image": "i", "state": state}]}
