"""Somebody takes care of an alert, or of an incident and so of its alerts."""

from contextlib import suppress
from datetime import datetime, timedelta

from tasks.alerts.judge.machine import Acknowledged
from tasks.alerts.recipients import turn_now
from tasks.alerts.settings import Alerts
from tasks.alerts.store.minute import Acknowledgement, Reach, acknowledge_alerts_of, acknowledge_group
from tasks.alerts.store.read import read_episodes
from tasks.alerts.watch import reach_of
from tasks.errors import UsageError
from tasks.history.engine import History
from tasks.incidents.events import Acknowledge, IncidentRefused
from tasks.incidents.store.change import Changed, change_incident
from tasks.incidents.store.read import read_incident
from tasks.records.rules import checked_by
from tasks.settings import Settings

LONGEST = timedelta(days=7)
_MINUTE = timedelta(minutes=1)
_MOST_NAMED = 10


class AcknowledgementRefused(UsageError):
    """An alert cannot be acknowledged as asked; the text says why and what to do."""


def acknowledge_alert(
    settings: Settings, history: History, number: int, by: str, minutes: float | None, now: datetime
) -> Acknowledgement:
    """Take care of an alert, of all that its message stood for, and of their incident.

    `minutes` None: as long as the policy says. Raises AcknowledgementRefused, RecordRefused if nobody does, and
    HistoryError.
    """
    name, event = settings.service.name, _event(by, minutes, now)
    taken = acknowledge_group(history, name, number, event, now, _reach(settings, history, now))
    if taken is None:
        raise AcknowledgementRefused(_unknown(settings, history, number, now))
    for incident in taken.incidents:
        if read_incident(history, name, incident).incident.acknowledged_at is None:
            with suppress(IncidentRefused):  # it is over
                change_incident(history, name, incident, Acknowledge(), by, now)
    return taken


def acknowledge_incident(
    settings: Settings, history: History, number: int, by: str, text: str, now: datetime
) -> tuple[Changed, Acknowledgement]:
    """Take care of an incident and of its open alerts.

    Raises NoSuchIncident, IncidentRefused, RecordRefused if nobody does, and HistoryError.
    """
    name = settings.service.name
    changed = change_incident(history, name, number, Acknowledge(text), by, now)
    taken = acknowledge_alerts_of(history, name, number, _event(by, None, now), now, _reach(settings, history, now))
    return changed, taken


def _event(by: str, minutes: float | None, now: datetime) -> Acknowledged:
    if minutes is None:
        return Acknowledged(checked_by(by))
    if not 1 <= minutes <= LONGEST / _MINUTE:
        raise AcknowledgementRefused(
            f"an acknowledgement holds for 1 minute to {LONGEST.days} days, not {minutes:g} min"
        )
    return Acknowledged(checked_by(by), now + minutes * _MINUTE)


def _reach(settings: Settings, history: History, now: datetime) -> Reach:
    return reach_of(settings, settings.alerts or Alerts(), turn_now(settings, history, now))


def _unknown(settings: Settings, history: History, number: int, now: datetime) -> str:
    service = settings.service.name
    known = [episode.id for episode in read_episodes(history, service, now) if episode.open]
    named = ", ".join(map(str, known[:_MOST_NAMED])) or "none"
    return f"{service} has no alert {number}; open: {named}. `rounds alerts list` shows them"
