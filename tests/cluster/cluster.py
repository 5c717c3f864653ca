"""Runs on the cluster as tests see them: they start them, look at their pods, do them harm, and read the store."""

import json
import os
import secrets
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from kfp import Client

from pipelines.compile import compile_pipeline
from pipelines.compile_settings import read_settings
from posterity.runs import RunLog
from posterity.store import ObjectStore, open_store

from .lab import Lab, restricted

NAMESPACE = "kubeflow"
PARTS = ("snapshot", "clean", "features", "plan", "posterior", "product")
PATIENCE = 600.0  # seconds; nothing here takes as long, even on a busy machine

T = TypeVar("T")
Pod = Mapping[str, Any]
Reference = Mapping[str, str]  # a part of a version → its SHA-256


class Cluster:
    """What was deployed: `store` and `api` are where MinIO and the pipelines API answer on this machine."""

    def __init__(self, lab: Lab, tag: str, store: str, api: str, folder: Path) -> None:
        self.lab = lab
        self.images = {name: f"posterity/{name}:{tag}" for name in ("stage", "sample", "server", "registry")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # that it is a client of version 2
            self.kfp = Client(host=api)
        os.environ |= {**lab.secret("posterity-operator"), "AWS_ENDPOINT_URL_S3": store, "AWS_REGION": "us-east-1"}
        self.store: ObjectStore = open_store("s3://posterity")
        small = ["sample.memory_limit=1Gi", "sample.cpu_request=100m"]  # five shards have room at the same time
        slow = [*small, "sample.cpu_limit=300m"]  # five of them leave room for whoever harms them
        images = (self.images["stage"], self.images["sample"])
        self.compiled = compile_pipeline(folder / "experiment.yaml", settings=read_settings(small, *images))
        self.slow = compile_pipeline(folder / "slow.yaml", settings=read_settings(slow, *images))

    def start(self, name: str, model: str, as_of: str, slow: bool = False, **parameters: Any) -> str:
        """Start a run called `name`; returns the identifier of its job."""
        given = {"run": name, "model": model, "as_of": as_of, **parameters}
        package = str(self.slow if slow else self.compiled)
        run = self.kfp.create_run_from_pipeline_package(package, arguments=given, run_name=name)
        return str(run.run_id)

    def finish(self, job: str) -> str:
        """Wait for a job; returns SUCCEEDED or FAILED."""
        return str(self.kfp.wait_for_run_completion(job, PATIENCE, sleep_duration=1).state)

    def run(self, name: str, model: str, as_of: str, **parameters: Any) -> RunLog:
        """A run to its end, which has to be a good one."""
        state = self.finish(self.start(name, model, as_of, **parameters))
        log = self.log(name)
        assert state == "SUCCEEDED", log.failure
        return log

    def log(self, name: str) -> RunLog:
        """What a run left in the store."""
        return RunLog(self.store, name)

    def made(self, name: str) -> Reference:
        """Name of a part → its digest, from the records of a run."""
        outputs = {key: output for record in self.log(name).stages() for key, output in record.outputs.items()}
        return {part: str(outputs[part]["sha256"]) for part in PARTS}

    def reference(self, model: str, as_of: str, *options: str) -> Reference:
        """The parts of a version that one pod makes by itself, with a directory as its store."""
        run = " ".join(["posterity", "run", model, "--as-of", as_of, *options])
        text = self.in_pod(f"local-{model}", f"{run} >&2 && posterity inspect {model} --json", "stage")
        facts = json.loads(text[text.index("{") :])
        return {part: facts[f"{part} sha256"] for part in PARTS}

    def in_pod(self, name: str, script: str, image: str) -> str:
        """The standard output of a script in a pod of its own, which has to end well."""
        self.kubectl("apply", "-f", "-", given=json.dumps(_pod(name, script, self.images[image])))
        try:
            until(lambda: self.lab.get("pod", name, NAMESPACE)["status"]["phase"] in {"Succeeded", "Failed"})
            text = self.kubectl("logs", name)
            assert self.lab.get("pod", name, NAMESPACE)["status"]["phase"] == "Succeeded", text
            return text
        finally:
            self.kubectl("delete", "pod", name, "--now")

    def pods(self, job: str, stage: str, ending: bool = False) -> list[Pod]:
        """The pods of a stage that run; with those that are being deleted, if `ending`."""
        labels = f"pipeline/runid={job},app.kubernetes.io/component={stage}"
        found = json.loads(self.kubectl("get", "pods", "-l", labels, "-o", "json"))["items"]
        return [pod for pod in found if pod["status"]["phase"] == "Running" and (ending or not _deleted(pod))]

    def kubectl(self, *words: str, given: str | None = None, check: bool = True) -> str:
        """kubectl in the namespace of the stages."""
        return self.lab.kubectl("-n", NAMESPACE, *words, given=given, check=check)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Something is scaled to nothing for a while: `deployment/NAME` or `statefulset/NAME`."""
        self.kubectl("scale", name, "--replicas=0")
        try:
            until(
                lambda: "0" in self.kubectl("get", name, "-o", "jsonpath={.status.replicas}") or not self._ready(name)
            )
            yield
        finally:
            self.kubectl("scale", name, "--replicas=1")
            until(lambda: self._ready(name))

    def _ready(self, name: str) -> bool:
        return self.kubectl("get", name, "-o", "jsonpath={.status.readyReplicas}") == "1"

    def delete(self, pod: Pod) -> None:
        """Delete a pod; it is given a second to end, since a stage uses the usual half minute to go on."""
        self.kubectl("delete", "pod", _name(pod), "--wait=false", "--grace-period=1")

    def force_delete(self, pod: Pod) -> None:
        """Delete a pod at once, as when its node is lost."""
        self.kubectl("delete", "pod", _name(pod), "--grace-period=0", "--force")

    def evict(self, pod: Pod) -> None:
        """What a drain of the node does."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{_name(pod)}/eviction"
        metadata = {"name": _name(pod), "namespace": NAMESPACE}
        options = {"gracePeriodSeconds": 1}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": options}
        self.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))

    def use_up_memory(self, pod: Pod) -> None:
        """Let a pod run into its memory limit, by many small processes: the kernel kills the largest, the stage."""
        script = (
            "import glob, os, time\n"
            "for path in glob.glob('/proc/[0-9]*/oom_score_adj'):\n"
            "    if path.split('/')[2] != str(os.getpid()):\n"
            "        open(path, 'w').write('1000')\n"
            "while True:\n"
            "    if not os.fork():\n"
            "        kept = bytearray(b'x') * (48 << 20)\n"
            "        time.sleep(600)\n"
            "    time.sleep(0.05)\n"
        )
        self.kubectl("exec", _name(pod), "-c", "main", "--", "python3", "-c", script, check=False)

    def kill(self, pod: Pod) -> None:
        """SIGKILL to the processes of a pod, from its node."""
        for process in _processes(pod["metadata"]["uid"]):
            os.kill(process, signal.SIGKILL)


def new(name: str) -> str:
    """A name of a run that no run has had before."""
    return f"{name}-{secrets.token_hex(3)}"


def until(look: Callable[[], T], seconds: float = PATIENCE) -> T:
    """Wait for something to be true of the cluster, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    raise TimeoutError(f"still not so after {seconds} s")


def _name(pod: Pod) -> str:
    return str(pod["metadata"]["name"])


def _deleted(pod: Pod) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _processes(uid: str) -> list[int]:
    """The processes of a pod on this node, whose cgroups are named by it."""
    names = {uid, uid.replace("-", "_")}
    found = []
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            text = path.read_text()
        except OSError:
            continue
        if any(name in text for name in names) and "/pause" not in (path.parent / "cmdline").read_text():
            found.append(int(path.parent.name))
    return found


def _pod(name: str, script: str, image: str) -> dict[str, Any]:
    """A pod under Pod Security `restricted`, whose store is a directory of its own."""
    spec = {**restricted(image, ["sh", "-c", script]), "restartPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
