"""What a running server says of products and versions."""

from tests.server.process import Server


def test_products_are_listed_with_what_is_current(running: Server) -> None:
    said = running.get("/v1/products").json["products"]
    there = [(item["model"], item["reference"], item["current"]["version"], item["challenger"]) for item in said]
    assert there == [
        ("mute", "mute@champion", 1, None),
        ("shop", "shop@champion", 2, None),
        ("stalls", "stalls@champion", 1, None),
        ("strict", "strict@champion", 1, None),
    ]


def test_a_product_tells_verdicts_scores_and_lineage(running: Server) -> None:
    said = running.get("/v1/products/shop").json
    assert said["gate"] == {"verdict": "pass", "rhat_max": 1.002, "ess_min": 951.0}
    assert said["drift"]["verdict"] == "stable"
    assert said["drift"]["findings"][0]["group"] == "level"
    assert said["scores"]["metrics"]["coverage_90"] == 0.83
    assert {node["kind"] for node in said["lineage"]["nodes"]} >= {
        "snapshot",
        "clean",
        "posterior",
        "product",
        "version",
    }
    assert (said["keys"], said["rows"], said["run"]) == (["shop"], 6, f"run-{said['as_of']}")
    assert said == running.get("/v1/products/shop/versions/2").json


def test_versions_are_listed_from_the_newest_on(running: Server) -> None:
    said = running.get("/v1/products/shop/versions").json["versions"]
    assert [(item["version"], item["expired"]) for item in said] == [(2, False), (1, True)]
    assert [running.get(item["links"]["predictions"]).status for item in said] == [200, 200]


def test_health_is_that_of_the_open_inference_protocol(running: Server) -> None:
    assert running.get("/v2/health/live").json == {"live": True}
    ready = running.get("/v2/health/ready").json
    assert ready["ready"] is True
    assert ready["store"]["reachable"] is True
    assert ready["products"]["shop"] == {
        "reference": "shop@champion",
        "version": 2,
        "challenger": None,
        "trouble": None,
    }
    assert running.get("/v2").json["name"] == "posterity"
