"""Somebody takes care of an alert, or of an incident and so of its alerts."""

from datetime import datetime, timedelta

from tasks.alerts.judge.machine import Acknowledged
from tasks.alerts.recipients import turn_now
from tasks.alerts.settings import Alerts
from tasks.alerts.store.minute import Acknowledgement, Reach, acknowledge_group, acknowledge_incident
from tasks.alerts.store.read import read_episodes
from tasks.alerts.watch import reach_of
from tasks.errors import UsageError
from tasks.history.engine import History
from tasks.records.rules import checked_by
from tasks.settings import Settings

LONGEST = timedelta(days=7)
_MOST_NAMED = 10


class AcknowledgementRefused(UsageError):
    """An alert cannot be acknowledged as asked; the text says why and what to do."""


def acknowledge_alert(
    settings: Settings, history: History, number: int, by: str, minutes: float | None, now: datetime
) -> Acknowledgement:
    """Take care of an alert and of all that its message stood for; `minutes` None: as long as the policy says.

    Raises AcknowledgementRefused, RecordRefused if nobody does, and HistoryError.
    """
    event = _event(by, minutes, now)
    taken = acknowledge_group(history, settings.service.name, number, event, now, _reach(settings, history, now))
    if taken is None:
        raise AcknowledgementRefused(_unknown(settings, history, number, now))
    return taken


def acknowledge_alerts_of(
    settings: Settings, history: History, incident: int, by: str, now: datetime
) -> Acknowledgement:
    """Take care of the open alerts of an incident. Raises RecordRefused if nobody does, and HistoryError."""
    event, reach = _event(by, None, now), _reach(settings, history, now)
    return acknowledge_incident(history, settings.service.name, incident, event, now, reach)


def _event(by: str, minutes: float | None, now: datetime) -> Acknowledged:
    if minutes is None:
        return Acknowledged(checked_by(by))
    length = timedelta(minutes=minutes)
    if not timedelta(0) < length <= LONGEST:
        raise AcknowledgementRefused(
            f"an acknowledgement holds for 1 minute to {LONGEST.days} days, not {minutes:g} min"
        )
    return Acknowledged(checked_by(by), now + length)


def _reach(settings: Settings, history: History, now: datetime) -> Reach:
    return reach_of(settings, settings.alerts or Alerts(), turn_now(settings, history, now))


def _unknown(settings: Settings, history: History, number: int, now: datetime) -> str:
    service = settings.service.name
    known = [episode.id for episode in read_episodes(history, service, now) if episode.open]
    named = ", ".join(map(str, known[:_MOST_NAMED])) or "none"
    return f"{service} has no alert {number}; open: {named}. `rounds alerts list` shows them"
