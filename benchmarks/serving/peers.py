"""The contenders: a command that serves on 127.0.0.1:PORT, and what is asked of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from benchmarks.serving.environments import python_of

HERE = Path(__file__).parent
PAGE = 100  # rows


@dataclass(frozen=True)
class Question:
    """What is asked again and again: paths in turn, and a body where it is a POST."""

    paths: Sequence[str]
    body: str = ""


@dataclass(frozen=True)
class Peer:
    """A server. questions: `by key`, `page`, `infer` → what is asked, where it can answer that."""

    name: str
    command: Sequence[str | Path]
    questions: Mapping[str, Question]
    environment: Mapping[str, str] = field(default_factory=dict)


class Running:
    """A peer on one core."""

    def __init__(self, peer: Peer, port: int, core: int, log: Path) -> None:
        self.peer = peer
        self.port = port
        command = ["taskset", "--cpu-list", str(core), *(str(part).replace("PORT", str(port)) for part in peer.command)]
        environment = {
            **os.environ,
            **{name: text.replace("PORT", str(port)) for name, text in peer.environment.items()},
        }
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        self._wait(log)

    def stop(self) -> None:
        """End it and its workers."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, 15)
        self.process.wait(30)

    def cpu(self) -> float:
        """Seconds of CPU time that it has taken so far."""
        ticks = 0
        for process in (self.process.pid, *_children(self.process.pid)):
            with suppress(OSError):
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes resident in its processes that nobody else has."""
        total = 0
        for process in (self.process.pid, *_children(self.process.pid)):
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            lines = [line.split() for line in text.splitlines() if line.startswith(("Private_Clean", "Private_Dirty"))]
            total += sum(1024 * int(line[1]) for line in lines)
        return total

    def _wait(self, log: Path) -> None:
        question = next(iter(self.peer.questions.values()))
        for _ in range(600):
            if self.process.poll() is not None:
                break
            with suppress(OSError):
                url = f"http://127.0.0.1:{self.port}{question.paths[0]}"
                data = question.body.encode() or None
                urlopen(Request(url, data, {"Content-Type": "application/json"}), timeout=10).close()
                return
            time.sleep(0.1)
        raise SystemExit(f"{self.peer.name} does not answer:\n{log.read_text()[-2000:]}")


def _children(process: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False).stdout.split()
    return [part for child in map(int, found) for part in (child, *_children(child))]


def contenders(folder: Path, store: str, keys: Sequence[tuple[str, str]]) -> list[Peer]:
    """The same ASGI server with fixed bytes, ours, FastAPI with the same rows, MLServer with a scikit-learn model."""
    base = "/v1/products/bench/predictions"
    ours = {
        "by key": Question([f"{base}/{kind},{place}" for kind, place in keys]),
        "page": Question([f"{base}?limit={PAGE}&kind={kind}" for kind in sorted({kind for kind, _ in keys})]),
        "infer": Question(["/v2/models/bench/infer"], _infer("kind", "place", keys[0])),
    }
    theirs = {
        "by key": Question([f"/predictions/{kind}/{place}" for kind, place in keys]),
        "page": Question([f"/predictions?kind={kind}&limit={PAGE}" for kind in sorted({kind for kind, _ in keys})]),
    }
    python, fastapi, mlserver = sys.executable, python_of("fastapi", folder), python_of("mlserver", folder)
    granian = [python, "-m", "granian", "--interface", "asgi", "--port", "PORT", "--no-ws", "--log-level", "error"]
    granian += ["--loop", "uvloop", "--http", "1"]
    rows, model = folder / "rows.json", folder / "model"
    settings = {"POSTERITY_STORE": store, "POSTERITY_LISTEN": "127.0.0.1:PORT"}
    dictionary = {"by key": Question([f"/dictionary/{kind}/{place}" for kind, place in keys])}
    uvicorn = [fastapi, "-m", "uvicorn", "fastapi_app:app", "--app-dir", HERE, "--port", "PORT", "--log-level", "error"]
    return [
        Peer(
            "fixed bytes",
            [*granian, "benchmarks.serving.fixed:app"],
            {name: Question(["/"]) for name in ("by key", "page")},
        ),
        Peer("posterity", [python, "-m", "posterity.server"], ours, settings),
        Peer("FastAPI", [*uvicorn, "--no-access-log"], theirs, {"ROWS": str(rows)}),
        Peer("FastAPI, dictionary", [*uvicorn, "--no-access-log"], dictionary, {"ROWS": str(rows)}),
        Peer(
            "MLServer",
            [mlserver.with_name("mlserver"), "start", model],
            {"infer": Question(["/v2/models/bench/infer"], json.dumps(SKLEARN))},
            {"MLSERVER_HTTP_PORT": "PORT", "MLSERVER_PARALLEL_WORKERS": "0", "MLSERVER_GRPC_PORT": "0"},
        ),
    ]


SKLEARN = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [1.0, 2.0, 3.0]}]}


def _infer(first: str, second: str, key: tuple[str, str]) -> str:
    pairs = zip((first, second), key, strict=True)
    return json.dumps(
        {"inputs": [{"name": name, "shape": [1], "datatype": "BYTES", "data": [value]} for name, value in pairs]}
    )
