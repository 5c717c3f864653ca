"""What only kind can show stays thin; here its files are held against each other."""

import subprocess

import yaml

from pipelines.cluster.kubectl import MANIFESTS


def test_every_port_that_kind_opens_leads_to_a_service() -> None:
    cluster = yaml.safe_load((MANIFESTS / "kind.yaml").read_text())
    assert (cluster["kind"], cluster["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    mapped = cluster["nodes"][0]["extraPortMappings"]
    assert {item["listenAddress"] for item in mapped} == {"127.0.0.1"}
    services = yaml.safe_load_all((MANIFESTS / "overlays/kind/ports.yaml").read_text())
    served = [port["nodePort"] for item in services if item["kind"] == "Service" for port in item["spec"]["ports"]]
    assert sorted(item["containerPort"] for item in mapped) == sorted(served)


def test_make_deletes_no_cluster_but_kinds() -> None:
    done = subprocess.run(
        ["make", "cluster-down", "CONTEXT=production"], cwd=MANIFESTS.parent, capture_output=True, text=True
    )
    assert done.returncode
    assert "CONTEXT is not deleted by make" in done.stderr
