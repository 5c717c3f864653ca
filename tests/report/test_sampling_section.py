import re

import numpy as np
import pytest

from posterity.report.sampling import sampling_section
from posterity.stats.gate import GateReport, judge

from .examples import EVIL, autocorrelated, estimands, replicates
from .wellformed import read


def gate_and_draws(chains=4, draws=500, count=20, shift=0.0, divergences=0):
    values = autocorrelated(chains, draws, count)
    values[0, :, 0] += shift
    published, parameters = {"share": values}, {"sigma": np.zeros((chains, draws, 1))}
    labels = {"share": [EVIL, *(f"route {i}" for i in range(1, count))], "sigma": [""]}
    energy = autocorrelated(chains, draws, 1, seed=1, rho=0.1)[..., 0]
    diverged = np.zeros((chains, draws), dtype=bool)
    diverged.flat[:divergences] = True
    gate = judge(published, parameters, labels, diverged, energy)
    return gate, {**published, **parameters}, labels, energy, diverged


def build(gate, draws, labels, energy, diverged, **more):
    return sampling_section(gate, draws, labels, energy=energy, divergent=diverged, **more)


def test_a_gate_that_passes():
    gate, *rest = gate_and_draws(draws=2000)
    facts = [{"attempt": "", "chain": i, "seconds": 1.5, "resumed_from": 0} for i in range(4)]
    section = build(gate, *rest, estimands=estimands(), replicate=replicates(300), chains=facts)
    reader = read(section.html)
    assert section.verdict == "ok"
    assert "The gate let the draws pass: 4 chains of 2,000 draws agree" in section.summary
    assert EVIL in reader.content
    for title in ("Chains: trace and rank plots", "Energy", "Posterior predictive check", "Largest effects"):
        assert title in reader.content
    assert re.search(r"How the 4 chains ran\s*chain\s*seconds\s*resumed from\s*0\s*1\.5", reader.content)
    assert section.html.count("<image") == 3
    assert len(section.html) < 400_000


def test_a_gate_that_wants_more_chains():
    gate, *rest = gate_and_draws(draws=100)
    section = build(gate, *rest)
    assert gate.verdict == "extend"
    assert section.verdict == "warn"
    assert f"{gate.further_chains} further chains would be enough" in section.summary
    assert gate.reasons[0] in read(section.html).content


def test_a_gate_that_stops_the_run_names_the_chains_that_disagree():
    gate, *rest = gate_and_draws(draws=2000, shift=3.0, divergences=5)
    section = build(gate, *rest)
    reader = read(section.html)
    assert section.verdict == "bad"
    assert "nothing of them is published" in section.summary
    assert all(reason in reader.content for reason in gate.reasons)
    assert reader.content.index(f"Trace · share: {EVIL}") < reader.content.index("Trace · share: route")


@pytest.mark.parametrize(("chains", "draws", "count"), [(1, 50, 1), (16, 200, 3), (2, 200, 1000)])
def test_any_layout(chains, draws, count):
    read(build(*gate_and_draws(chains, draws, count)).html)


def test_independent_draws_have_no_energy():
    gate = judge({"share": autocorrelated(1, 2000, 3, rho=0.0)}, {}, {"share": ["a", "b", "c"]}, None, None)
    section = sampling_section(gate, {}, {}, chains=[{"chain": 0}])
    assert "Energy" not in section.html
    assert "chains ran" not in section.html
    assert "Trace" not in section.html
    read(section.html)


def test_quantities_that_never_change_and_nothing_at_all():
    gate = judge({"share": np.zeros((2, 50, 2))}, {}, {"share": ["a", "b"]}, None, None)
    read(sampling_section(gate, {"share": np.zeros((2, 50, 2))}, {"share": ["a", "b"]}, energy=np.zeros((2, 50))).html)
    nothing = GateReport("pass", (), (), 0, 4, 100, 0, (), ())
    read(sampling_section(nothing, {}, {}).html)
