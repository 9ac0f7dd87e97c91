"""The lease by which one process monitors a service: it begins each minute once, and gaps between minutes are found."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Select, Update, select, update

from tasks.history.engine import History, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.history.upsert import put_rows
from tasks.monitoring.store.minutes import note_minute
from tasks.monitoring.tables import monitoring_leases

MINUTE: Final = timedelta(minutes=1)
GRACE: Final = timedelta(seconds=10)
"""How far into the next minute a lease reaches: its holder begins each minute at once, others only after this."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A minute that is the caller's to monitor; `gap` are those before it that nobody began or, killed, ended."""

    gap: tuple[datetime, datetime] | None


@dataclass(frozen=True, slots=True)
class Held:
    """A minute that is another's: who monitors, and until when the lease lasts unless it is renewed."""

    holder: str
    until: datetime


def begin_minute(history: History, service: str, holder: str, now: datetime) -> Begun | Held:
    """Take or renew the lease and begin the minute of `now`, unless it was begun or is another's.

    Raises HistoryError if the database fails.
    """
    at = minute_of(now)
    minute = _number(at)
    with writing(history) as connection:
        key = service_id(connection, service)
        # On PostgreSQL two could both find no lease; on SQLite every writer is alone.
        connection.execute(_locked(key))
        known = connection.execute(select(monitoring_leases).where(monitoring_leases.c.service_id == key)).one_or_none()
        until = at + MINUTE + GRACE
        if known is not None and known.minute == minute:  # whoever did, and whatever came of it
            return Held(known.holder, known.held_until or until)
        # A lease that reaches further than any is of a clock that was set back since.
        if known is not None and known.held_until is not None and known.holder != holder:
            held_until: datetime = known.held_until
            if now < held_until <= until:
                return Held(known.holder, held_until)
        row = {"service_id": key, "holder": holder, "held_until": until, "minute": minute, "ended": False}
        put_rows(connection, monitoring_leases, [row])
    if known is None:
        return Begun(None)
    # What a holder could not do in its minutes, it says itself.
    first = known.minute + (known.ended or known.holder == holder)
    return Begun((_time(first), at) if first < minute else None)


def end_minute(history: History, service: str, holder: str, now: datetime, *, monitored: bool) -> None:
    """Note that the minute of `now` came to its end; another's lease stays as it is.

    `monitored` is False where nothing could be collected: the minute is on record as one that nobody monitored.
    Raises HistoryError.
    """
    minute = _number(minute_of(now))
    lease = _mine(service, holder).where(monitoring_leases.c.minute == minute)
    with writing(history) as connection:
        key = service_id(connection, service)
        connection.execute(_locked(key))
        connection.execute(lease.values(ended=True))
        if monitored:
            note_minute(connection, key, minute)


def let_go(history: History, service: str, holder: str) -> None:
    """End a lease early, so that the next run need not wait for its end; another's stays."""
    with writing(history) as connection:
        connection.execute(_mine(service, holder).values(held_until=None, ended=True))


def _locked(key: int) -> Select[tuple[int]]:
    return select(services.c.id).where(services.c.id == key).with_for_update()


def _mine(service: str, holder: str) -> Update:
    named = select(services.c.id).where(services.c.name == service).scalar_subquery()
    return update(monitoring_leases).where(
        monitoring_leases.c.service_id == named, monitoring_leases.c.holder == holder
    )


def minute_of(at: datetime) -> datetime:
    """The beginning of a minute."""
    return at.replace(second=0, microsecond=0)


def _number(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
