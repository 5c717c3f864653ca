"""Tell people what a version waits for."""

import os
from dataclasses import replace

from posterity.alerts import Alert, Delivery, send
from posterity.registry.versions import Version
from posterity.release import approvals
from posterity.release.decision import Decision
from posterity.release.definition import terms
from posterity.release.difference import difference
from posterity.release.staging import Trial
from posterity.settings import Settings
from posterity.store import ObjectStore


def tell(store: ObjectStore, settings: Settings, decision: Decision, trial: Trial) -> Delivery | None:
    """Ask for an approval, or say what is in the way; nothing where the version may go at once. Once per incident."""
    if decision.allowed:
        return None
    version = decision.version
    if decision.failed:
        reasons = "\n".join(f"{check.name}: {check.text}" for check in decision.failed)
        alert = Alert(f"{version.label} does not go into production", reasons, "warning", f"{version.label} refused")
    else:
        body = "\n".join(_request(store, decision, trial))
        alert = Alert(f"{version.label} waits for your approval", body, "info", f"{version.label} waits")
    urls = [settings.alert_urls, *(os.path.expandvars(url) for url in terms(version).notify)]
    return send(alert, replace(settings, alert_urls=" ".join(urls)), store, version.run)


def _request(store: ObjectStore, decision: Decision, trial: Trial) -> list[str]:
    """Why, what was found, what is different, where the report is, and how to approve."""
    version, champion = decision.version, decision.champion
    judges = ", ".join(approvals.approvers(store, version)) or "anybody but who asked for it"
    lines = [f"Because {decision.waits}. It may be approved by {judges}.", f"staging: {trial.summary}"]
    lines += [f"{check.name}: {check.text}" for check in decision.checks if check.name != "staging"]
    if champion:
        lines += [f"Against {champion.label}:", *(f"  {line}" for line in difference(store, champion, version))]
    lines.append(f"Report: {_report(version)}")
    return [*lines, f'Approve: posterity approve {version.label} --reason "…"']


def _report(version: Version) -> str:
    return f"posterity report {version.run}"
