"""Incidents of the demo's made-up past: each release that was rolled back was one, worked on and reviewed."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.demo.past.events import Events, deploys
from tasks.check_result import Severity
from tasks.history.engine import History
from tasks.incidents.events import (
    Acknowledge,
    AddAction,
    Assess,
    Close,
    Event,
    FinishAction,
    Mitigate,
    Resolve,
    Respond,
    Review,
    Verify,
)
from tasks.incidents.store.change import NewIncident, change_incident, open_by_hand
from tasks.incidents.store.read import read_incident
from tasks.records.facts import Deploy, DeployOutcome

_MODULES = ("ingredients", "shopping", "users")
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_BY = "demo"


def bring_incidents(history: History, service: str, first: date, zone: ZoneInfo, events: Events, now: datetime) -> None:
    """Make what is missing of them; what comes after `now` has not happened yet."""
    for deploy in deploys(first, zone, events, now):
        if deploy.outcome is DeployOutcome.ROLLED_BACK:
            _bring(history, service, deploy, now)


def _bring(history: History, service: str, deploy: Deploy, now: datetime) -> None:
    start = deploy.started_at + 3 * _MINUTE
    new = NewIncident(
        title=f"made up: release {deploy.version} answers slowly",
        severity=Severity.WARNING,
        by=_BY,
        module=_MODULES[start.isocalendar().week // 3 % len(_MODULES)],
        impact_at=deploy.started_at,
        text="p95 is over its limit since the deploy",
        opened_for=f"demo {deploy.version}",
    )
    number = open_by_hand(history, service, new, start).id
    last = max(entry.recorded_at for entry in read_incident(history, service, number).timeline)
    for at, event in _story(start, deploy):
        if last < at < now:
            change_incident(history, service, number, event, _BY, at)
    for days, item in enumerate(read_incident(history, service, number).actions, 3):
        done = start + days * _DAY
        if item.done_at is None and done < now:
            change_incident(history, service, number, FinishAction(item.id, "deployed"), _BY, done)


def _story(start: datetime, deploy: Deploy) -> Iterator[tuple[datetime, Event]]:
    """What happened to an incident, oldest first."""
    day = start.date()
    yield start + 2 * _MINUTE, Acknowledge()
    yield start + 4 * _MINUTE, Assess("one module is slow, no request fails")
    yield start + 6 * _MINUTE, Respond("rolling back to the release before")
    yield start + 11 * _MINUTE, Mitigate("rolled back", "kim", day + 7 * _DAY)
    yield start + 13 * _MINUTE, Verify("watching p95")
    yield start + 19 * _MINUTE, Resolve("p95 is under its limit for five minutes")
    yield start + _DAY, AddAction("a load test of the release before it is deployed", "lee", day + 14 * _DAY)
    yield (
        start + _DAY + _MINUTE,
        Review(
            cause=f"the migration of release {deploy.version} locked a table",
            went_well="the alert came before a user's report; the rollback took five minutes",
            went_badly="the migration had not been tried on data of the real size",
            lucky="it was deployed after the lunch peak",
        ),
    )
    yield start + _DAY + 2 * _MINUTE, Close()
