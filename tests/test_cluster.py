"""What a pod asks of Kubernetes, and what is read out of the state of pods."""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from posterity import cluster
from posterity.errors import UnavailableError
from posterity.registry.identity import who
from tests.pipelines.kubeflow.pods import ended, pod, waiting

SEEN = [
    (waiting("ImagePullBackOff", "Back-off pulling image"), "cannot get image posterity/stage:nope (Back-off", True),
    (waiting("ErrImageNeverPull", "image is not present"), "make images load", True),
    (waiting("ErrImagePull", "no such host"), "cannot get image posterity/stage:nope", True),
    (
        waiting("CreateContainerConfigError", 'secret "posterity-store" not found'),
        'its container cannot be made: secret "posterity-store" not found; create what is missing with make secrets',
        True,
    ),
    (
        ended("OOMKilled", 137),
        "used more memory than it may; raise its limit with --settings ingest.memory_limit",
        False,
    ),
    ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "was ended: Evicted, low on memory", False),
    ({"phase": "Failed", "reason": "DeadlineExceeded"}, "was ended: DeadlineExceeded", False),
    (
        {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu."}],
        },
        "no node takes its pod (0/1 nodes: Insufficient cpu.); lower what it requests",
        False,
    ),
]


@pytest.mark.parametrize(("status", "text", "hopeless"), SEEN, ids=[text[:30] for _, text, _ in SEEN])
def test_what_ails_a_pod_is_said_with_what_to_do(status: dict[str, Any], text: str, hopeless: bool) -> None:
    (trouble,) = cluster.troubles_of([pod(**status)])
    assert str(trouble).startswith("stage ingest: ")
    assert text in str(trouble)
    assert trouble.is_hopeless is hopeless


def test_pods_that_do_well_have_no_troubles() -> None:
    scheduled = [{"type": "PodScheduled", "status": "True"}]
    running = [{"name": "main", "image": "i", "state": {"running": {}}}]
    creating = waiting("ContainerCreating", "")
    fine = [
        pod(phase="Running", conditions=scheduled, containerStatuses=running),
        pod(**creating),
        pod(phase="Succeeded", containerStatuses=[{"name": "main", "state": {"terminated": {"reason": "Completed"}}}]),
    ]
    assert cluster.troubles_of(fine) == []


def test_pods_are_looked_at_in_the_order_in_which_they_were_made() -> None:
    bad = waiting("ErrImageNeverPull", "")
    pods = [pod("b", created="2026-01-02T00:00:00Z", **bad), pod("a", created="2026-01-01T00:00:00Z", **bad)]
    assert [trouble.pod for trouble in cluster.troubles_of(pods)] == ["a", "b"]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """This process as a pod: a service account, and an HTTPS server that answers as Kubernetes does."""
    facts: dict[str, Any] = {"status": 201, "asked": []}
    key, certificate = tmp_path / "key", tmp_path / "ca.crt"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    subprocess.run([*request, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    (tmp_path / "token").write_text("the-token\n")
    (tmp_path / "namespace").write_text("kubeflow")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            facts["asked"].append((self.command, self.path, self.headers["Authorization"], body))
            user = {"status": {"userInfo": {"username": "system:serviceaccount:kubeflow:pipeline-runner"}}}
            data = json.dumps({**user, "items": facts.get("pods", []), "message": "not allowed"}).encode()
            self.send_response(facts["status"] if self.command == "POST" else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setattr(cluster, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.server_port))
    yield facts
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_pod_acts_as_the_account_that_kubernetes_knows_it_by(account: dict[str, Any]) -> None:
    assert who() == "system:serviceaccount:kubeflow:pipeline-runner"
    ((method, path, authorization, body),) = account["asked"]
    assert (method, path) == ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews")
    assert authorization == "Bearer the-token"
    assert json.loads(body)["kind"] == "SelfSubjectReview"


def test_a_pod_that_may_not_ask_acts_as_its_own_user(account: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    account["status"] = 403
    assert who().rpartition("@")[0] not in {"", "system:serviceaccount:kubeflow:pipeline-runner"}
    assert "answers 403: not allowed" in caplog.text


def test_a_pod_sees_how_the_others_of_its_run_do(account: dict[str, Any]) -> None:
    account["pods"] = [pod(**waiting("ErrImageNeverPull", "image is not present"))]
    assert [trouble.stage for trouble in cluster.troubles_of_run("job-1")] == ["ingest"]
    assert account["asked"][0][1] == "/api/v1/namespaces/kubeflow/pods?labelSelector=pipeline/runid%3Djob-1"


def test_an_api_that_is_away_is_named(account: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    with pytest.raises(UnavailableError, match=r"the API of Kubernetes at 127\.0\.0\.1 does not answer"):
        cluster.troubles_of_run("job-1")
