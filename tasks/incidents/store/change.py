"""Incidents opened and changed: every change in one transaction, alone on its service."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from sqlalchemy import Connection, insert, select, update

from tasks.check_result import Severity
from tasks.history.engine import History, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.incidents.events import (
    ActionFinished,
    ActionNeeded,
    Close,
    Dismiss,
    Effect,
    Event,
    FollowedBy,
    IncidentRefused,
    Merge,
    NoSuchIncident,
    OutageEnds,
    OutageMoves,
    OutagesRehung,
    OutagesRemoved,
    OutageStarts,
    Review,
)
from tasks.incidents.facts import EntryKind, Incident, State, TimelineEntry
from tasks.incidents.judge.machine import joined, refuse_impact, step
from tasks.incidents.judge.texts import kept_text, title_of
from tasks.incidents.store.outages import OwnOutages
from tasks.incidents.store.rows import actions_of, add_entry, find_row, incident_of, outages_of, timeline_of, values_of
from tasks.incidents.tables import incident_actions, incidents
from tasks.observation import printable
from tasks.records.rules import checked_by, to_second
from tasks.secrets import masked

_MOST_MODULE = 80


@dataclass(frozen=True, slots=True)
class NewIncident:
    """What is known of an incident when it is opened.

    `detected_at` None: now; `impact_at` None: then too. `down`: the service or module does not work at all.
    `opened_for`, of at most 100 characters, names what it is opened for, such as an alert's episode: the same again
    opens no other. Without it, the same title and time are the same incident.
    """

    title: str
    severity: Severity
    by: str
    module: str | None = None
    detected_at: datetime | None = None
    impact_at: datetime | None = None
    down: bool = False
    text: str = ""
    opened_for: str = ""
    follows: int | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """An incident after an event; `opened` is the new one where it came back too late to be the same."""

    incident: Incident
    opened: Incident | None = None

    @property
    def shown(self) -> Incident:
        """The one that people go on with."""
        return self.opened or self.incident

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every incident of which something was recorded."""
        others = (self.incident.merged_into, None if self.opened is None else self.opened.id)
        return (self.incident.id, *(number for number in others if number is not None))


def open_incident(connection: Connection, service: int, new: NewIncident, now: datetime) -> Incident:
    """Open an incident in the caller's transaction, which `writing` began; the one that is there already is given back.

    Raises IncidentRefused for one without title or with impossible times, RecordRefused if nobody opened it.
    """
    _lock(connection, service)
    recorded_at = to_second(now)
    detected_at = recorded_at if new.detected_at is None else to_second(new.detected_at)
    impact_at = detected_at if new.impact_at is None else to_second(new.impact_at)
    title, by = masked(title_of(new.title)), checked_by(new.by)
    opened_for = new.opened_for or _natural(title, new.module, detected_at)
    c = incidents.c
    known = select(incidents).where(c.service_id == service, c.opened_for == opened_for)
    if (row := connection.execute(known).one_or_none()) is not None:
        return incident_of(row)
    module = None if new.module is None else printable(new.module, _MOST_MODULE)
    incident = Incident(
        0, title, module, new.severity, State.DETECTED, detected_at, impact_at, by, new.down, follows=new.follows
    )
    values = values_of(incident) | {"service_id": service, "opened_for": opened_for, "changed_at": recorded_at}
    number = int(connection.execute(insert(incidents).values(values).returning(c.id)).scalar_one())
    incident = replace(incident, id=number)
    text = "\n".join(part for part in (title, kept_text(new.text)) if part)
    add_entry(connection, number, TimelineEntry(detected_at, recorded_at, by, EntryKind.OPENED, text))
    if new.down:
        OwnOutages(connection, service, incident, by, recorded_at).start(impact_at, module)
    return incident


def open_by_hand(history: History, service: str, new: NewIncident, now: datetime) -> Incident:
    """The same in a transaction of its own, with times that a person gave.

    Raises IncidentRefused for times that cannot be, HistoryError if the database fails.
    """
    for at, what in ((new.detected_at, "it was detected"), (new.impact_at, "it began to hurt")):
        if at is not None and at > now:
            raise IncidentRefused(
                f"{at:%Y-%m-%d %H:%M} UTC is in the future: give the time when {what}, or leave it out"
            )
    if new.impact_at is not None:
        refuse_impact(to_second(new.impact_at), to_second(new.detected_at or now))
    with writing(history) as connection:
        return open_incident(connection, service_id(connection, service), new, now)


def change_incident(history: History, service: str, number: int, event: Event, by: str, now: datetime) -> Changed:
    """Let something happen to an incident. Raises NoSuchIncident, IncidentRefused, and HistoryError."""
    return change_by_all(history, service, number, (event,), by, now)


def change_by_all(
    history: History, service: str, number: int, events: Sequence[Event], by: str, now: datetime
) -> Changed:
    """Let several things happen to an incident, all or none. Raises as `change_incident` does."""
    with writing(history) as connection:
        key = service_id(connection, service)
        return [change_in(connection, key, number, event, by, now) for event in events][-1]


def review_incident(
    history: History, service: str, number: int, review: Review, by: str, now: datetime, *, close: bool
) -> Incident:
    """Keep what is written of the retrospective, then close the incident if that is asked for.

    What was written stays where closing is refused. Raises as `change_incident` does.
    """
    if review != Review() or not close:
        incident = change_incident(history, service, number, review, by, now).incident
        if not close:
            return incident
    return change_incident(history, service, number, Close(), by, now).incident


def change_in(connection: Connection, service: int, number: int, event: Event, by: str, now: datetime) -> Changed:
    """The same in the caller's transaction, which `writing` began."""
    _lock(connection, service)
    incident = _found(connection, service, number)
    if isinstance(event, Merge):
        _refuse_merge(incident, _found(connection, service, event.into) if event.into != number else incident)
    if isinstance(event, Dismiss):
        _refuse_dismissal(connection, incident)
    timeline, actions = timeline_of(connection, number), actions_of(connection, number)
    change = step(incident, timeline, actions, event, by, now, outages_of(connection, service, number))
    recorded_at = to_second(now)
    mine = update(incidents).where(incidents.c.id == number)
    connection.execute(mine.values(values_of(change.incident) | {"changed_at": recorded_at}))
    for entry in change.entries:
        add_entry(connection, number, entry)
    own = OwnOutages(connection, service, change.incident, checked_by(by), recorded_at)
    opened = None
    for effect in change.effects:
        opened = _take(connection, service, change.incident, own, effect, by, now) or opened
    if change.incident.cause != incident.cause:
        own.name_cause(masked(change.incident.cause))
    return Changed(change.incident, opened)


def _take(
    connection: Connection,
    service: int,
    incident: Incident,
    own: OwnOutages,
    effect: Effect,
    by: str,
    now: datetime,
) -> Incident | None:
    match effect:
        case OutageStarts():
            own.start(effect.at, effect.module)
        case OutageMoves():
            own.move(effect.at)
        case OutageEnds():
            own.end(effect.at)
        case OutagesRemoved():
            own.remove()
        case OutagesRehung():
            own.give_to(effect.into)
            moved = update(incident_actions).where(incident_actions.c.incident_id == incident.id)
            connection.execute(moved.values(incident_id=effect.into))
            at = to_second(now)
            text = f"← {incident.id} {incident.title}"
            add_entry(connection, effect.into, TimelineEntry(at, at, checked_by(by), EntryKind.MERGED, text))
            whole = values_of(joined(_found(connection, service, effect.into), incident)) | {"changed_at": at}
            connection.execute(update(incidents).where(incidents.c.id == effect.into).values(whole))
        case ActionNeeded():
            values = {"text": masked(effect.text), "owner": effect.owner, "due": effect.due, "kind": effect.kind.value}
            connection.execute(insert(incident_actions).values(incident_id=incident.id, **values))
        case ActionFinished():
            done = update(incident_actions).where(incident_actions.c.id == effect.action)
            connection.execute(done.values(done_at=effect.at))
        case FollowedBy():
            return _follow(connection, service, incident, effect, by, now)
        case _:
            assert_never(effect)
    return None


def _follow(
    connection: Connection, service: int, old: Incident, effect: FollowedBy, by: str, now: datetime
) -> Incident:
    """The incident that takes up an old one, and a line in the old one that names it."""
    new = NewIncident(
        old.title, old.severity, by, old.module, effect.at, effect.at, effect.down, effect.text, follows=old.id
    )
    opened = open_incident(connection, service, new, now)
    entry = TimelineEntry(effect.at, to_second(now), checked_by(by), EntryKind.NOTE, f"→ {opened.id}\n{effect.text}")
    add_entry(connection, old.id, entry)
    return opened


def _lock(connection: Connection, service: int) -> None:
    """Be alone on the service's incidents: on PostgreSQL two at once would both go on from the same state."""
    connection.execute(select(services.c.id).where(services.c.id == service).with_for_update(key_share=True))


def _found(connection: Connection, service: int, number: int) -> Incident:
    if (row := find_row(connection, service, number)) is None:
        raise no_such_incident(number)
    return incident_of(row)


def no_such_incident(number: int) -> NoSuchIncident:
    """The error for a number that no incident of the service has."""
    return NoSuchIncident(f"there is no incident {number} of this service: see `rounds incident list`")


def _refuse_merge(incident: Incident, into: Incident) -> None:
    if not into.state.counts:
        raise IncidentRefused(f"cannot merge into {into.name}: it is {into.state}; name one that counts")
    if incident.state.hurts and not into.state.hurts:
        raise IncidentRefused(
            f"cannot merge {incident.name}, which is {incident.state}, into {into.name}, which is {into.state}: "
            "resolve the former or reopen the latter first"
        )


def _refuse_dismissal(connection: Connection, incident: Incident) -> None:
    """Others are a part of it: their outages would go with it."""
    parts = connection.execute(select(incidents.c.id).where(incidents.c.merged_into == incident.id)).scalars().all()
    if parts:
        named = ", ".join(map(str, sorted(parts)))
        raise IncidentRefused(f"cannot dismiss {incident.name}: it took over incident {named}, so something happened")


def _natural(title: str, module: str | None, at: datetime) -> str:
    return hashlib.sha256(f"{title}\n{module or ''}\n{at:%Y-%m-%dT%H:%M:%SZ}".encode()).hexdigest()
