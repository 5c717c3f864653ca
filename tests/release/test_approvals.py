import json
from dataclasses import asdict

import pytest

from posterity.errors import RefusedError, SettingsError
from posterity.model.contract import Release
from posterity.registry import aliases, audit
from posterity.release import approvals
from posterity.settings import Settings
from tests.release.products import nth

SETTINGS = Settings()


def declares(*approvers: str) -> dict[str, object]:
    return {"release": asdict(Release(approvers=approvers))}


def started_by(store, version, name: str) -> None:
    store.put(f"runs/{version.run}/run.json", json.dumps({"who": name}).encode())


def test_an_approval_says_who_when_and_why_and_is_given_once(store, acting):
    version = nth(store, 1)
    acting.become("bob@lab")
    entry = approvals.approve(store, SETTINGS, version, "looked at the report")
    assert (entry.who, entry.why, entry.number) == ("bob@lab", "looked at the report", 1)
    assert approvals.approve(store, SETTINGS, version, "looked at the report ") == entry
    assert approvals.approval(store, SETTINGS, version) == entry
    assert len(audit.entries(store, "flights")) == 1
    assert approvals.approval(store, SETTINGS, nth(store, 2)) is None


def test_nobody_approves_their_own_request(store, acting):
    version = nth(store, 1)
    started_by(store, version, "ada@lab")
    with pytest.raises(RefusedError, match="asked for by ada@lab, and nobody approves their own"):
        approvals.approve(store, SETTINGS, version, "mine")
    assert audit.entries(store, "flights") == []
    acting.become("bob@lab")
    approvals.approve(store, SETTINGS, version, "looked at it")


def test_where_the_run_is_not_recorded_who_registered_it_asked_for_it(store, acting):
    version = nth(store, 1)
    aliases.move(store, "flights", "candidate", 1, "ada@lab", "registered by run-1")
    assert approvals.requester(store, version) == "ada@lab"
    assert approvals.requester(store, nth(store, 2)) == ""


def test_an_own_approval_counts_only_where_the_settings_of_the_pipeline_allow_it(store, acting):
    """The person sets what their own command reads; what counts is read again when the approval is used."""
    version = nth(store, 1)
    started_by(store, version, "ada@lab")
    alone = Settings(self_approval="allow")
    entry = approvals.approve(store, alone, version, "I am alone here")
    assert approvals.approval(store, alone, version) == entry
    assert approvals.approval(store, SETTINGS, version) is None


def test_only_declared_approvers_approve(store, acting):
    version = nth(store, 1, about=declares("bob", "eve@example.org"))
    for name in ("ada@lab", "eve@lab", "bobby@lab"):
        acting.become(name)
        with pytest.raises(RefusedError, match=f"{name} is none of those who approve flights: bob, eve@example.org"):
            approvals.approve(store, SETTINGS, version, "fine")
    for name in ("bob@lab", "eve@example.org"):
        acting.become(name)
        assert approvals.approve(store, SETTINGS, version, "fine").who == name


def test_a_version_does_not_choose_its_own_judges(store, acting):
    nth(store, 1, about=declares("bob"))
    aliases.move(store, "flights", "champion", 1, "bob@lab", "first")
    version = nth(store, 2, about=declares("ada"))
    with pytest.raises(RefusedError, match="none of those who approve flights: bob"):
        approvals.approve(store, SETTINGS, version, "fine")
    acting.become("bob@lab")
    approvals.approve(store, SETTINGS, version, "let ada in")


def test_an_approval_needs_a_reason(store, acting):
    with pytest.raises(SettingsError, match="needs a reason"):
        approvals.approve(store, SETTINGS, nth(store, 1), " ")


def drifting(store, number: int, *labels: str, baseline: str = "flights/1"):
    findings = [{"group": "carrier", "label": label, "drifted": True} for label in labels]
    findings.append({"group": "carrier", "label": "steady", "drifted": False})
    report = {"verdict": "drift", "findings": findings, "baseline": baseline}
    return nth(store, number, drift="drift", drift_report=report)


def test_drift_that_is_acknowledged_is_so_for_later_versions_that_drifted_no_further(store, acting):
    first = drifting(store, 1, "AA", "UA")
    assert approvals.acknowledged(store, first) is None
    entry = approvals.acknowledge(store, first, "summer storms")
    assert approvals.acknowledge(store, first, "summer storms") == entry
    assert approvals.acknowledged(store, first) == entry
    assert approvals.acknowledged(store, drifting(store, 2, "AA")) == entry
    assert approvals.acknowledged(store, drifting(store, 3, "AA", "DL")) is None
    assert approvals.acknowledged(store, drifting(store, 4, "AA", baseline="flights/2")) is None


def test_what_has_not_drifted_needs_no_acknowledgement(store, acting):
    with pytest.raises(RefusedError, match="verdict of flights/1 is stable"):
        approvals.acknowledge(store, nth(store, 1), "fine")
