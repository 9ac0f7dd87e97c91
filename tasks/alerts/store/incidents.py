"""A grave alert opens an incident, or belongs to the one that is open; its timeline says what happened."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from tasks.alerts.facts import Episode, Phase, Told
from tasks.alerts.judge.group import CHECKLIST, WHOLE
from tasks.alerts.judge.minute import GroupNotice
from tasks.alerts.tables import alert_episodes
from tasks.check_result import Severity, in_english
from tasks.incidents.events import Note, Reopen
from tasks.incidents.facts import EntryKind, Incident
from tasks.incidents.store.change import NewIncident, change_in, open_incident
from tasks.incidents.store.outages import OwnOutages
from tasks.incidents.store.rows import find_row, incident_of, with_merged

BY: Final = "monitoring"
_DOWN = ("health.liveness", "health.readiness")
_MINUTE = timedelta(minutes=1)
_NOTED = (Told.FIRING, Told.RAISED, Told.ESCALATED, Told.EXPIRED, Told.FLAPPING, Told.RESOLVED)
"""What the timeline has; that it goes on is no news."""


def note_incidents(
    connection: Connection,
    service: int,
    notices: Iterable[GroupNotice],
    episodes: Mapping[str, Episode],
    now: datetime,
    level: Severity | None,
) -> tuple[int, ...]:
    """Open, reopen and note, in the transaction that writes the messages; gives the numbers of what changed.

    `level` is the one from which on an alert opens an incident; None: none does.
    """
    changed = []
    for notice in notices:
        members = [episodes[key] for key in notice.members]
        if notice.notice.told not in _NOTED or members[0].condition.source == CHECKLIST:
            continue
        grave = level is not None and notice.notice.level >= level and notice.notice.told is not Told.RESOLVED
        incident = _incident_of(connection, service, members, now, opens=grave)
        if incident is not None:
            _take(connection, service, incident, notice, members, now)
            changed.append(incident.id)
    return tuple(dict.fromkeys(changed))


def join_incidents(connection: Connection, service: int, episodes: Iterable[Episode], now: datetime) -> tuple[int, ...]:
    """Alerts that joined the message of others without one of their own belong to the others' incident all the same.

    Gives the numbers of those incidents.
    """
    told = [e for e in episodes if e.open and e.told_level and not e.suppressed]
    known = {e.group: e.incident for e in told if e.incident is not None}
    joined = []
    for episode in told:
        number = known.get(episode.group) if episode.incident is None else None
        incident = None if number is None else _read(connection, service, number)
        if incident is None or not incident.state.hurts:
            continue
        mine = alert_episodes.c.id == episode.id
        connection.execute(update(alert_episodes).where(mine).values(incident=incident.id))
        text = f"alert {episode.id} ({name_of(episode)}): joined, level {int(episode.level)}"
        note = Note(text, EntryKind.ALERT, _down_since(incident, [episode]))
        change_in(connection, service, incident.id, note, BY, now)
        joined.append(incident.id)
    return tuple(dict.fromkeys(joined))


def name_of(episode: Episode) -> str:
    """An alert in a few words."""
    return f"{in_english(episode.title)}: {episode.condition.subject}"


def _incident_of(
    connection: Connection, service: int, members: Sequence[Episode], now: datetime, *, opens: bool
) -> Incident | None:
    """The incident of any of them that is not over, else (`opens`) the last one again or a new one."""
    known = [_read(connection, service, e.incident) for e in members if e.incident is not None]
    for incident in known:
        if incident is not None and incident.state.hurts:
            return incident
    if not opens:
        return None
    lead = members[0]
    before = next((i for i in known if i is not None), None) or _last(connection, service, lead)
    if before is not None and before.state.hurts:
        return before
    if before is not None and before.resolved_at is not None and before.state.counts:
        at = max(_bad_since(lead), before.resolved_at)
        # A clock that is behind the one by which it was resolved has no time to give. What is down is noted next.
        back = Reopen(f"{name_of(lead)} is back", at if at <= now else None, down=False)
        change = change_in(connection, service, before.id, back, BY, now)
        return change.opened or change.incident
    return open_incident(connection, service, _new(lead), now)


def _new(lead: Episode) -> NewIncident:
    subject = lead.condition.subject
    module = subject.removeprefix("module:").partition("/")[0] if subject.startswith("module:") else None
    return NewIncident(
        title=name_of(lead),
        severity=lead.level,
        by=BY,
        module=module,
        detected_at=lead.fired_at,
        impact_at=lead.since,
        down=_is_down(lead),
        text=in_english(lead.reason),
        opened_for=f"alert/{lead.id}",
    )


def _is_down(episode: Episode) -> bool:
    """True for a probe that fails on every instance: nothing else is surely downtime."""
    return episode.condition.check in _DOWN and episode.condition.subject == WHOLE


def _bad_since(episode: Episode) -> datetime:
    """Since when it has been bad; of one that came back only the newest sample is surely after the good ones."""
    return (episode.last_bad_at or episode.updated_at) if episode.reopened else episode.since


def _down_since(incident: Incident, episodes: Sequence[Episode]) -> datetime | None:
    """Since when the service has been down as they say; None where none says so.

    One that is already part of an incident that is not down says nothing new: somebody found that it was not.
    """
    down = (e for e in episodes if _is_down(e) and (incident.down or e.incident != incident.id))
    return min(map(_bad_since, down), default=None)


def _take(
    connection: Connection,
    service: int,
    incident: Incident,
    told: GroupNotice,
    members: Sequence[Episode],
    now: datetime,
) -> None:
    """The alerts are the incident's from now on, and its timeline and its outages follow them."""
    c = alert_episodes.c
    mine = update(alert_episodes).where(c.id.in_([e.id for e in members]))
    connection.execute(mine.values(incident=incident.id))
    lead, notice = members[0], told.notice
    others = f" and {len(members) - 1} more" if len(members) > 1 else ""
    text = f"alert {lead.id} ({name_of(lead)}){others}: {notice.told.value}, level {int(notice.level)}"
    over = notice.told is Told.RESOLVED
    note = Note(text, EntryKind.ALERT, None if over else _down_since(incident, members))
    change_in(connection, service, incident.id, note, BY, now)
    if over and (down := [e for e in members if _is_down(e)]) and not _still_down(connection, service, incident):
        ended = max(e.last_bad_at or now for e in down) + _MINUTE
        OwnOutages(connection, service, incident, BY, now).end(min(ended, now), of_modules=False)


def _still_down(connection: Connection, service: int, incident: Incident) -> bool:
    """True while another of its alerts, or of those merged into it, says so, as readiness when liveness has ended."""
    c = alert_episodes.c
    its = select(c.id).where(c.incident.in_(with_merged(connection, service, incident.id)))
    down = its.where(c.phase != Phase.RESOLVED.value, c.check_id.in_(_DOWN), c.subject == WHOLE)
    return connection.execute(down.limit(1)).first() is not None


def _last(connection: Connection, service: int, lead: Episode) -> Incident | None:
    """The incident of the last alert about the same condition."""
    c = alert_episodes.c
    query = select(c.incident).where(c.service_id == service, c.key == lead.condition.key, c.incident.is_not(None))
    number = connection.execute(query.order_by(c.id.desc()).limit(1)).scalar()
    return None if number is None else _read(connection, service, number)


def _read(connection: Connection, service: int, number: int) -> Incident | None:
    """An incident, or the one that it was merged into."""
    row = find_row(connection, service, number)
    if row is None or row.merged_into is None:
        return None if row is None else incident_of(row)
    return _read(connection, service, row.merged_into)
