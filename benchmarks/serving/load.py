"""Load for a server, from another core: by wrk where it is installed, else by a loader of our own."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.serving.peers import Question

SCRIPT = """
local paths = {PATHS}
local count = 0
wrk.method = "METHOD"
wrk.body = BODY
wrk.headers["Content-Type"] = "application/json"
request = function()
  count = count % #paths + 1
  return wrk.format(nil, paths[count])
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.status + e.connect + e.read + e.timeout))
end
"""


@dataclass(frozen=True)
class Result:
    """Requests, in how many seconds, latency in milliseconds, and how many requests failed."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int


def measure(port: int, question: Question, seconds: float, connections: int, core: int, folder: Path) -> Result:
    """Ask for some seconds."""
    if shutil.which("wrk"):
        return _wrk(port, question, seconds, connections, core, folder)
    facts = json.dumps([port, question.paths, question.body, seconds, connections])
    command = ["taskset", "--cpu-list", str(core), sys.executable, "-m", "benchmarks.serving.load"]
    done = subprocess.run(command, input=facts, capture_output=True, text=True, check=True)
    return Result(**json.loads(done.stdout))


def _wrk(port: int, question: Question, seconds: float, connections: int, core: int, folder: Path) -> Result:
    script = folder / "wrk.lua"
    quoted = ",".join(json.dumps(path) for path in question.paths)
    text = SCRIPT.replace("PATHS", quoted).replace("METHOD", "POST" if question.body else "GET")
    script.write_text(text.replace("BODY", f"[==[{question.body}]==]" if question.body else "nil"))
    command = [
        "taskset",
        "--cpu-list",
        str(core),
        "wrk",
        "-t1",
        "--timeout",
        "20s",
        f"-c{connections}",
        f"-d{seconds:.0f}s",
        "-s",
        script,
    ]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True)
    match = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if not match:
        raise SystemExit(f"wrk said nothing: {done.stdout}{done.stderr}")
    requests, micros, p50, p99, failed = map(int, match.groups())
    return Result(requests, micros / 1e6, p50 / 1e3, p99 / 1e3, failed)


async def _ask(port: int, question: Question, until: float, times: list[float], failures: list[int]) -> None:
    """One connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    method, body = ("POST" if question.body else "GET"), question.body.encode()
    tail = f"\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    place = 0
    while time.perf_counter() < until:
        path = question.paths[place % len(question.paths)]
        place += 1
        began = time.perf_counter()
        writer.write(f"{method} {path} HTTP/1.1".encode() + tail)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        times.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 200"):
            failures.append(1)
    writer.close()


async def _main(port: int, question: Question, seconds: float, connections: int) -> Result:
    times: list[float] = []
    failures: list[int] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_ask(port, question, until, times, failures) for _ in range(connections)))
    ordered = sorted(times)
    at = [1e3 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99)]
    return Result(len(times), seconds, *at, len(failures))


if __name__ == "__main__":
    port, paths, body, seconds, connections = json.load(sys.stdin)
    sys.stdout.write(json.dumps(asdict(asyncio.run(_main(port, Question(paths, body), seconds, connections)))))
