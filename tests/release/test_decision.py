from dataclasses import asdict

import pytest

from posterity.errors import RefusedError
from posterity.model.contract import Release
from posterity.registry import aliases
from posterity.release import approvals, pins, staging
from posterity.release.check import Check
from posterity.release.decision import decide
from posterity.settings import Settings
from tests.release.products import NOT_SCORED, nth

SETTINGS = Settings()
WELL = [Check("rows", True, "7 of 7 rows are those of the product")]


def tried(store, version, passed: bool = True):
    staging.record(store, version, "s", "", [Check("rows", passed, "row 3 differs" if not passed else "all are equal")])
    return version


def champion(store, **changes):
    version = tried(store, nth(store, 1, **changes))
    aliases.move(store, "flights", "champion", 1, "bob@lab", "first")
    return version


def scored(verdict: str = "pass", crps: float = 0.03, against: str = ""):
    row = {"rival": "champion flights/1", "metric": "crps", "difference": 0.01, "standard_error": 0.002}
    comparisons = [{**row, "verdict": against}] if against else []
    return {"version": "flights/1", "metrics": {"crps": crps}, "verdict": verdict, "comparisons": comparisons}


def refused(store, version, words: str):
    decision = decide(store, SETTINGS, version)
    assert not decision.allowed
    with pytest.raises(RefusedError, match=words):
        decision.refuse()
    return decision


def test_the_first_version_waits_for_an_approval(store, acting):
    version = tried(store, nth(store, 1))
    refused(store, version, "flights/1 waits for an approval, because no version of this model is in production")
    approvals.approve(store, SETTINGS, version, "looks right")
    decision = decide(store, SETTINGS, version)
    decision.refuse()
    assert (decision.allowed, decision.how, decision.who, decision.why) == (True, "approval", "ada@lab", "looks right")


def test_a_refresh_on_new_data_needs_nobody(store, acting):
    champion(store)
    version = tried(store, nth(store, 2, as_of="2013-04-30", scores=scored(against="equal")))
    decision = decide(store, SETTINGS, version)
    assert (decision.allowed, decision.how) == (True, "refresh")
    assert "code, settings and image are the same" in decision.why


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"code": "another prior"}, "code changed"),
        ({"parameters": {"seed": 2, "sampler": {"draws": 1000}}}, "seed 1 → 2"),
        ({"image": "posterity/stage:2"}, "image none → posterity/stage:2"),
    ],
)
def test_whatever_else_changed_waits(store, acting, changed, words):
    champion(store)
    version = tried(store, nth(store, 2, **changed))
    assert words in refused(store, version, "waits for an approval, because it is no mere refresh of flights/1").waits
    approvals.approve(store, SETTINGS, version, "better prior")
    assert decide(store, SETTINGS, version).how == "approval"


def test_a_model_can_want_every_version_approved(store, acting):
    champion(store, about={"release": asdict(Release("always"))})
    refused(store, tried(store, nth(store, 2)), "because the model wants every version approved")


def test_runs_of_a_pinned_version_are_a_refresh_of_it(store, acting):
    nth(store, 1, code="old")
    tried(store, nth(store, 2, code="new"))
    aliases.move(store, "flights", "champion", 2, "bob@lab", "new")
    version = tried(store, nth(store, 3, code="old"))
    refused(store, version, "no mere refresh of flights/2: code changed")
    from posterity.registry import versions

    pins.pin(store, versions.get(store, "flights/1"), "the new code is wrong")
    assert decide(store, SETTINGS, version).allowed


def test_what_was_not_tried_in_staging_or_failed_there_cannot_be_approved(store, acting):
    version = nth(store, 1)
    refused(store, version, "staging: it was not tried; run posterity promote flights/1 staging")
    tried(store, version, passed=False)
    approvals.approve(store, SETTINGS, version, "never mind", override=["staging", "gate"])
    decision = refused(store, version, "staging: rows: row 3 differs")
    assert "--override" not in decision.failed[0].text
    tried(store, version)
    assert decide(store, SETTINGS, version).allowed


def test_what_has_not_converged_never_passes(store, acting):
    version = tried(store, nth(store, 1, gate="extend"))
    approvals.approve(store, SETTINGS, version, "never mind", override=["gate"])
    refused(store, version, "gate: the convergence gate says extend")


def test_a_worse_one_is_refused_unless_an_approver_sets_that_aside(store, acting):
    champion(store)
    version = tried(store, nth(store, 2, scores=scored(against="worse")))
    refused(store, version, "flights/1 was worse than champion flights/1.*posterity approve flights/2 --override")
    approvals.approve(store, SETTINGS, version, "I know")
    refused(store, version, "worse than")
    approvals.approve(store, SETTINGS, version, "the old one cannot be used any more", override=["champion"])
    decision = decide(store, SETTINGS, version)
    assert (decision.allowed, decision.how) == (True, "override")


def test_an_override_sets_aside_what_it_names_and_nothing_else(store, acting):
    champion(store)
    version = tried(store, nth(store, 2, scores=scored(verdict="fail", against="worse")))
    approvals.approve(store, SETTINGS, version, "known", override=["limits"])
    decision = refused(store, version, "champion: ")
    assert [check.name for check in decision.failed] == ["champion"]


def test_broken_limits_are_named(store, acting):
    metric = {"name": "crps", "limit": {"at_most": 0.02, "at_least": None}}
    champion(store)
    version = tried(store, nth(store, 2, scores=scored(verdict="fail"), about={"metrics": [metric]}))
    refused(store, version, r"limits: flights/1 broke the declared limits: crps 0.03")


def test_scores_of_other_code_say_nothing_about_this_one(store, acting):
    champion(store)
    version = tried(store, nth(store, 2, code="mended", scores=scored(verdict="fail", against="worse")))
    decision = refused(store, version, "waits for an approval")
    assert any("not known: flights/1, which was scored last, had another code" in c.text for c in decision.checks)


def test_drift_waits_for_somebody_who_knows_of_it(store, acting):
    champion(store)
    finding = {"group": "carrier", "label": "AA", "drifted": True}
    report = {"verdict": "drift", "findings": [finding], "baseline": "flights/1"}
    version = tried(store, nth(store, 2, drift="drift", drift_report=report))
    refused(store, version, "drift: carrier AA drifted, and nobody has acknowledged it: posterity acknowledge")
    approvals.acknowledge(store, version, "a strike")
    decision = decide(store, SETTINGS, version)
    assert (decision.allowed, decision.how) == (True, "refresh")
    warned = tried(store, nth(store, 3, drift="warn"))
    assert decide(store, SETTINGS, warned).allowed


def test_older_data_do_not_replace_newer_ones_by_themselves(store, acting):
    champion(store)
    version = tried(store, nth(store, 2, as_of="2013-02-28"))
    refused(store, version, "data: as of 2013-02-28, which is not as new as flights/1")


def test_a_score_of_a_version_whose_record_is_gone_is_no_obstacle(store, acting):
    version = tried(store, nth(store, 1, scores={**NOT_SCORED, "version": "flights/9"}))
    approvals.approve(store, SETTINGS, version, "fine")
    assert decide(store, SETTINGS, version).allowed
