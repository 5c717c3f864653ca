"""A new version takes the place of the old one while clients ask, and none of them notices."""

import http.client
import json
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from posterity.registry import aliases, retirement, versions
from posterity.store import ObjectStore
from tests.server.process import Server, server

CLIENTS = 4
PATHS = ("/v1/products/shop/predictions/a", "/v1/products/shop/predictions", "/v1/products/shop")


class Client(threading.Thread):
    """Asks again and again over one connection, and counts versions and failures."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.ending = threading.Event()
        self.versions: Counter[int] = Counter()
        self.failures: list[str] = []

    def run(self) -> None:
        asked = 0
        while not self.ending.is_set():
            path = PATHS[asked % len(PATHS)]
            asked += 1
            try:
                self.connection.request("GET", path)
                response = self.connection.getresponse()
                body = response.read()
                said = json.loads(body)
                if response.status != 200 or response.getheader("posterity-version") != f"shop/{said['version']}":
                    self.failures.append(f"{response.status} {body[:200]!r}")
                self.versions[said["version"]] += 1
            except (OSError, http.client.HTTPException, KeyError) as error:
                self.failures.append(repr(error))
        self.connection.close()


def current(running: Server) -> int:
    return int(running.get("/v1/products/shop").json["version"])


def test_no_request_fails_while_the_pointer_moves(store: ObjectStore, tmp_path: Path) -> None:
    with server(tmp_path, store.url, server_workers="2") as running:
        clients = [Client(running.port) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for move in range(6):
            number = 1 + move % 2
            aliases.move(store, "shop", "champion", number, "tests", "swap")
            time.sleep(1.5)  # a poll, and some traffic
            assert current(running) == number
        for client in clients:
            client.ending.set()
            client.join()
        assert [failure for client in clients for failure in client.failures] == []
        seen = sum((client.versions for client in clients), Counter())
        assert min(seen[1], seen[2]) > 50
        until = time.monotonic() + 10  # workers write down what they count once a second
        while any(answered(running)[number] < count for number, count in seen.items()):
            assert time.monotonic() < until, "both workers are counted, by version"
            time.sleep(0.1)


def answered(running: Server) -> Counter[int]:
    """How many answers were made from each version, by the metrics."""
    found: Counter[int] = Counter()
    for name, value in running.metrics().items():
        if name.startswith("posterity_answers_total"):
            found[int(name.partition('version="')[2].partition('"')[0])] += int(value)
    return found


def test_a_version_that_cannot_be_read_leaves_the_old_one_in_place(store: ObjectStore, tmp_path: Path) -> None:
    product = json.loads(store.get("models/shop/versions/000001.json"))["references"]["product"]["key"]
    rows = Path(store.url.removeprefix("file://")) / product.replace("product.json", "predictions.parquet")
    with server(tmp_path, store.url) as running:
        rows.chmod(0o644)
        rows.write_bytes(b"not what was registered")
        aliases.move(store, "shop", "champion", 1, "tests", "to a damaged one")
        ready = running.until("/v2/health/ready", lambda answer: answer.json["products"]["shop"]["trouble"]).json
        assert "does not match its SHA-256" in ready["products"]["shop"]["trouble"]
        assert ready["products"]["shop"]["version"] == 2
        assert current(running) == 2
        assert running.metrics()['posterity_product_trouble{model="shop"}'] == 1
        broken = running.get("/v1/products/shop/versions/1/predictions")
        assert (broken.status, broken.json["code"]) == (500, "internal")
        assert "does not match its SHA-256" in broken.json["error"]


def test_a_withdrawn_version_is_gone(store: ObjectStore, tmp_path: Path) -> None:
    with server(tmp_path, store.url) as running:
        assert running.get("/v1/products/shop/predictions/a").status == 200
        retirement.retire(store, "shop", 2, "tests", "wrong units")
        gone = running.until("/v1/products/shop/predictions/a", lambda answer: answer.status != 200)
        assert (gone.status, gone.json["code"]) == (410, "withdrawn")
        assert "wrong units" in gone.json["error"]
        assert running.get("/v1/products/shop/versions/2/predictions").status == 410
        assert running.get("/v1/products/shop/predictions?page=2.0").status == 410
        assert running.get("/v1/products/shop/versions/1/predictions/a").status == 200
        said = running.get("/v1/products/shop").json["withdrawn"]
        assert (said["who"], said["why"]) == ("tests", "wrong units")


def test_a_first_version_is_served_once_it_is_current(store: ObjectStore, tmp_path: Path) -> None:
    with server(tmp_path, store.url, products="shop@staging", server_keep="0") as running:
        nothing = running.get("/v1/products/shop/predictions/a")
        assert (nothing.status, nothing.json["code"]) == (404, "no_version")
        assert running.get("/v1/products/shop/versions/1/predictions/a").status == 200, "to be probed before"
        aliases.move(store, "shop", "staging", 1, "tests", "first")
        assert running.until("/v1/products/shop", lambda answer: answer.status == 200).json["version"] == 1


def test_a_broken_version_on_trial_keeps_no_server_down(store: ObjectStore, tmp_path: Path) -> None:
    aliases.move(store, "shop", "staging", 2, "tests", "to be tried")
    version = versions.get(store, "shop/2")
    key = version.references["product"].key.replace("product.json", "predictions.parquet")
    store.overwrite(key, b"cut short")
    with server(tmp_path, store.url, products="shop@staging") as running:
        ready = running.until("/v2/health/ready", lambda answer: answer.status == 200).json
        assert "does not match its SHA-256" in ready["products"]["shop"]["trouble"]
        assert running.get("/v1/products/shop/predictions/a").status in (404, 503)


@pytest.mark.parametrize("products", ["shop/1", "shop/1 *@champion"])
def test_a_pinned_version_stays(store: ObjectStore, tmp_path: Path, products: str) -> None:
    with server(tmp_path, store.url, products=products) as running:
        said = running.get("/v1/products").json["products"]
        assert [(item["reference"], item["current"]["version"]) for item in said] == [("shop/1", 1)]


def test_a_server_that_is_told_to_end_lets_no_request_fail(store: ObjectStore, tmp_path: Path) -> None:
    with server(tmp_path, store.url, server_drain="4") as running:
        kept = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        kept.request("GET", PATHS[0])
        assert kept.getresponse().read()
        running.process.send_signal(signal.SIGTERM)
        asked = "keep-alive"
        while asked != "close":
            kept.request("GET", PATHS[0])
            answer = kept.getresponse()
            asked = answer.getheader("connection", "keep-alive")
            assert (answer.status, len(answer.read()) > 0) == (200, True)
        assert running.get(PATHS[0]).status == 200, "whoever comes now is answered as well"
        assert running.process.wait(30) == 0
