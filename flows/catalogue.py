"""The one list of flows: the command line, deployments, documents and tests read it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from prefect import Flow

from flows import (
    alert_test,
    alerts,
    backup_verification,
    daily_checklist,
    error_triage,
    finding_waiver,
    housekeeping,
    incident,
    load_test,
    monitoring,
    monthly_checklist,
    oncall,
    outbox,
    records,
    security_scan,
    silences,
    slo_report,
    weekly_checklist,
)
from flows.checklist import Checklist
from flows.timing import Interval, Schedule, Timing
from tasks.round import RoundRefused
from tasks.settings import Settings


@dataclass(frozen=True, slots=True)
class Entry:
    """A flow as it is deployed: on a schedule, or without one as a form that people start.

    `is_scheduled_for` is False for a service that has nothing for it to look at. One that is not `per_service` has one
    deployment for every service of the machine.
    """

    flow: Flow[..., Any]
    timing: Timing
    schedule: Schedule | Interval | None = None
    checklist: Checklist | None = None
    per_service: bool = True
    is_scheduled_for: Callable[[Settings], bool] = lambda _settings: True


def _entry(checklist: Checklist, flow: Flow[..., Any]) -> Entry:
    return Entry(flow, checklist.timing, checklist.schedule, checklist, is_scheduled_for=checklist.is_scheduled_for)


FLOWS: Final = (
    _entry(daily_checklist.CHECKLIST, daily_checklist.daily_checklist),
    _entry(weekly_checklist.CHECKLIST, weekly_checklist.weekly_checklist),
    _entry(monthly_checklist.CHECKLIST, monthly_checklist.monthly_checklist),
    _entry(slo_report.CHECKLIST, slo_report.slo_report),
    _entry(backup_verification.CHECKLIST, backup_verification.backup_verification),
    _entry(security_scan.CHECKLIST, security_scan.security_scan),
    _entry(load_test.CHECKLIST, load_test.load_test),
    Entry(monitoring.monitoring, monitoring.TIMING, monitoring.SCHEDULE, per_service=False),
    Entry(error_triage.error_triage, error_triage.TIMING),
    Entry(finding_waiver.waive_finding, finding_waiver.TIMING),
    Entry(alerts.acknowledge_alert_form, alerts.TIMING),
    Entry(alerts.take_alert_action, alerts.TIMING),
    Entry(alert_test.alert_test, alert_test.TIMING),
    Entry(records.record_deploy, records.TIMING),
    Entry(records.record_outage, records.TIMING),
    Entry(records.record_maintenance, records.TIMING),
    Entry(oncall.override_oncall, oncall.TIMING),
    Entry(silences.silence_alerts, silences.TIMING),
    Entry(silences.end_silence, silences.TIMING),
    Entry(incident.open_incident, incident.TIMING),
    Entry(incident.acknowledge_incident, incident.TIMING),
    Entry(incident.note_incident, incident.TIMING),
    Entry(incident.mitigate_incident, incident.TIMING),
    Entry(incident.resolve_incident, incident.TIMING),
    Entry(incident.add_action, incident.TIMING),
    Entry(incident.finish_action, incident.TIMING),
    Entry(incident.close_incident, incident.TIMING),
    Entry(incident.reopen_incident, incident.TIMING),
    Entry(incident.dismiss_incident, incident.TIMING),
    Entry(housekeeping.housekeeping, housekeeping.TIMING, housekeeping.SCHEDULE, per_service=False),
    Entry(outbox.outbox, outbox.TIMING, outbox.SCHEDULE, per_service=False),
)

CHECKLISTS: Final = {entry.checklist.name: entry.checklist for entry in FLOWS if entry.checklist is not None}
"""What can be run by hand as a round, by name."""


def checklist_of(name: str) -> Checklist:
    """The checklist of this name; raises RoundRefused naming those that there are."""
    if name not in CHECKLISTS:
        raise RoundRefused(f"there is no flow {name!r}; there are: {', '.join(CHECKLISTS)}")
    return CHECKLISTS[name]


def flow_of(checklist: Checklist) -> Flow[..., Any]:
    """The flow that runs a checklist."""
    return next(entry.flow for entry in FLOWS if entry.checklist is checklist)
