"""HTTP servers that speak as much of the APIs of Kubeflow Pipelines and of Kubernetes as our clients ask for."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

CREATED = "2026-02-28T12:00:00Z"
Answer = tuple[int, Any]


class Backend:
    """Kubeflow Pipelines, as far as it goes: what was uploaded and started, and how runs do."""

    def __init__(self) -> None:
        self.pipelines: dict[str, str] = {}
        self.versions: dict[str, Any] = {}
        self.experiments: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, bytes] = {}
        self.stopped: list[str] = []
        self.begins_as = "PENDING"
        self.refuse: Answer | None = None

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if self.refuse:
            return self.refuse
        if path.startswith("/apis/v1beta1/"):
            pod = path.split("/")[-2]
            return (200, self.logs[pod]) if pod in self.logs else (404, {"message": "log not found"})
        words = path.removeprefix("/apis/v2beta1/").split("/")
        found: Answer = getattr(self, f"_{words[0].partition(':')[0]}")(method, words[1:], query, body)
        return found

    def _healthz(self, *_: Any) -> Answer:
        return 200, {"multi_user": False}

    def _pipelines(self, method: str, words: list[str], query: dict[str, str], body: bytes) -> Answer:
        if words and words[0] == "upload_version":
            return 200, self._upload(query, body)
        if words and words[0] == "names":
            found = self.pipelines.get(words[1])
            return (200, {"pipeline_id": found}) if found else (404, {"message": "no such pipeline"})
        if words:
            return 200, self._versions(words[0], query)
        if method == "POST":
            number = f"p{len(self.pipelines) + 1}"
            self.pipelines[json.loads(body)["display_name"]] = number
            return 200, {"pipeline_id": number}
        there = [{"pipeline_id": item} for name, item in self.pipelines.items() if name == _filtered(query)]
        return 200, {"pipelines": there}

    def _versions(self, pipeline: str, query: dict[str, str]) -> Any:
        there = {name: item for name, item in self.versions.items() if item["pipeline_id"] == pipeline}
        if "filter" in query:
            there = {name: item for name, item in there.items() if name == _filtered(query)}
        newest_first = list(reversed(there.values()))
        return {"pipeline_versions": newest_first[: int(query.get("page_size", 20))], "total_size": len(there)}

    def _upload(self, query: dict[str, str], body: bytes) -> Any:
        text = re.search(rb"\r\n\r\n(.*)\r\n--", body, re.DOTALL)
        assert text
        number = f"v{len(self.versions) + 1}"
        self.versions[query["name"]] = {
            "pipeline_id": query["pipelineid"],
            "pipeline_version_id": number,
            "display_name": query["name"],
            "pipeline_spec": next(iter(yaml.safe_load_all(text[1]))),
        }
        return self.versions[query["name"]]

    def _experiments(self, method: str, words: list[str], query: dict[str, str], body: bytes) -> Answer:
        if method == "POST":
            self.experiments.append(json.loads(body)["display_name"])
        there = [{"experiment_id": f"e-{name}", "display_name": name} for name in self.experiments]
        if method == "POST":
            return 200, there[-1]
        return 200, {"experiments": [item for item in there if item["display_name"] == _filtered(query)]}

    def _runs(self, method: str, words: list[str], query: dict[str, str], body: bytes) -> Answer:
        if words and words[0].endswith(":terminate"):
            self.stopped.append(words[0].partition(":")[0])
            return 200, {}
        if words:
            return (200, self.runs[words[0]]) if words[0] in self.runs else (404, {"message": "no such run"})
        if method == "POST":
            run = {**json.loads(body), "run_id": f"job-{len(self.runs) + 1}", "state": self.begins_as}
            run["created_at"] = CREATED
            self.runs[run["run_id"]] = run
            return 200, run
        return 200, {"runs": list(reversed(self.runs.values())), "total_size": len(self.runs)}


class Kubernetes:
    """The API server of Kubernetes, as far as it goes: what is in it is set by a test. Path → answer."""

    def __init__(self) -> None:
        self.pods: list[dict[str, Any]] = []
        self.logs: dict[str, bytes] = {}
        self.objects: dict[str, Any] = {}
        self.user = "alice"
        self.denied: tuple[str, ...] = ()

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if any(word in path for word in self.denied):
            return 403, {"kind": "Status", "message": "forbidden", "code": 403}
        if path.endswith("/selfsubjectreviews"):
            return 201, {**json.loads(body), "status": {"userInfo": {"username": self.user}}}
        if path.endswith("/log"):
            pod = path.split("/")[-2]
            return (200, self.logs[pod]) if pod in self.logs else (404, {"message": "pods not found"})
        if path.endswith("/pods"):
            wanted = dict(part.split("=", 1) for part in query.get("labelSelector", "").split(",") if part)
            return 200, {"kind": "PodList", "items": [pod for pod in self.pods if _has(pod, wanted)]}
        found = self.objects.get(path.rpartition("/")[2])
        return (200, found) if found else (404, {"kind": "Status", "message": f"{path} not found", "code": 404})

    def write_kubeconfig(self, path: Path, url: str) -> Path:
        """A kubeconfig file that leads here, with one context."""
        facts = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": url}}],
            "users": [{"name": "alice", "user": {"token": "t"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "alice"}}],
            "current-context": "here",
        }
        path.write_text(yaml.safe_dump(facts))
        return path


@contextmanager
def serve(answer: Callable[[str, str, dict[str, str], bytes], Answer]) -> Iterator[str]:
    """A server on 127.0.0.1 that answers with what `answer` gives for method, path, query and body; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            status, content = answer(self.command, url.path, query, body)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(content, bytes) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _filtered(query: dict[str, str]) -> str:
    """The value that a filter asks for."""
    return str(json.loads(query["filter"])["predicates"][0]["stringValue"])


def _has(pod: dict[str, Any], labels: dict[str, str]) -> bool:
    return labels.items() <= pod["metadata"]["labels"].items()
