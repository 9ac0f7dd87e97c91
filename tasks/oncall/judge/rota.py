"""Whose turn it is: the wall clock of the rota's zone at an instant decides, so that each instant is one person's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from tasks.oncall.facts import Override, Turn
from tasks.oncall.judge.clock import instants, wall_clock
from tasks.oncall.settings import DAYS, OnCall, Person
from tasks.oncall.shifts import DAY_MIN, WEEK_MIN, minute_of_day

_WEEK, _SECOND = timedelta(weeks=1), timedelta(seconds=1)


def rota_zone(oncall: OnCall, service_zone: ZoneInfo) -> ZoneInfo:
    """The zone whose clock divides the week."""
    return service_zone if oncall.timezone is None else ZoneInfo(oncall.timezone)


def person_zone(person: Person, service_zone: ZoneInfo) -> ZoneInfo:
    """The zone of the times in a person's messages."""
    return service_zone if person.timezone is None else ZoneInfo(person.timezone)


def on_call(oncall: OnCall, overrides: Sequence[Override], service_zone: ZoneInfo, at: datetime) -> Turn:
    """Who is on call at an instant, since when and until when.

    Nobody: there is no shift, or an override names a person who is no longer in the team.
    """
    active = next((override for override in overrides if override.starts_at <= at < override.ends_at), None)
    if active is not None:
        return Turn(_named(oncall, active.person), active.starts_at, active.ends_at, active)
    rota = _Rota(oncall, rota_zone(oncall, service_zone))
    since = max((o.ends_at for o in overrides if o.ends_at <= at), default=None)
    until = min((o.starts_at for o in overrides if o.starts_at > at), default=None)
    began, ends = rota.last_change(at), rota.next_change(at)
    return Turn(
        _named(oncall, rota.name_at(at)),
        max((t for t in (since, began) if t is not None), default=None),
        min((t for t in (until, ends) if t is not None), default=None),
        None,
    )


def turns(oncall: OnCall, overrides: Sequence[Override], service_zone: ZoneInfo, at: datetime) -> Iterator[Turn]:
    """The turn at an instant and those that follow, without end unless nothing changes any more."""
    next_at: datetime | None = at
    while next_at is not None:
        turn = on_call(oncall, overrides, service_zone, next_at)
        yield turn
        next_at = turn.until


def next_turns(
    oncall: OnCall, overrides: Sequence[Override], service_zone: ZoneInfo, at: datetime, count: int
) -> tuple[Turn, ...]:
    """The first so many of `turns`."""
    return tuple(islice(turns(oncall, overrides, service_zone, at), count))


def _named(oncall: OnCall, name: str | None) -> Person | None:
    return next((person for person in oncall.person if person.name == name), None)


@dataclass(frozen=True, slots=True)
class _Rota:
    """The shifts alone, without overrides."""

    oncall: OnCall
    zone: ZoneInfo

    def name_at(self, at: datetime) -> str | None:
        """Who has the shift."""
        wall = wall_clock(self.zone, at)
        minute = wall.weekday() * DAY_MIN + wall.hour * 60 + wall.minute
        shift = next((shift for shift in self.oncall.shift if shift.times.takes(minute)), None)
        return None if shift is None else shift.people[self._handovers(wall) % len(shift.people)]

    def last_change(self, at: datetime) -> datetime | None:
        """Since when this person is on call."""
        ends = (at - week * _WEEK for week in range(self._weeks))
        return next((t for end in ends for t in reversed(self._edges(end - _WEEK, end)) if self._changes(t)), None)

    def next_change(self, at: datetime) -> datetime | None:
        """When another person's turn begins."""
        starts = (at + week * _WEEK for week in range(self._weeks))
        return next((t for start in starts for t in self._edges(start, start + _WEEK) if self._changes(t)), None)

    @property
    def _weeks(self) -> int:
        """After so many everybody has had a turn, also where a change of the clock swallowed a short one."""
        people = [shift.people for shift in self.oncall.shift]
        alone = len({name for names in people for name in names}) < 2
        return 0 if alone else 2 * max(map(len, people)) + 2

    def _edges(self, after: datetime, until: datetime) -> list[datetime]:
        handover = DAYS.index(self.oncall.handover_day) * DAY_MIN + minute_of_day(self.oncall.handover)
        edges = (edge % WEEK_MIN for shift in self.oncall.shift for span in shift.times.spans for edge in span)
        return instants(self.zone, {handover, *edges}, after, until)

    def _changes(self, at: datetime) -> bool:
        return self.name_at(at) != self.name_at(at - _SECOND)

    def _handovers(self, wall: datetime) -> int:
        """How many there were since the one of the week of `since`; negative before it."""
        day = self.oncall.since
        day -= timedelta(days=(day.weekday() - DAYS.index(self.oncall.handover_day)) % 7)
        return (wall - datetime.combine(day, time.fromisoformat(self.oncall.handover))) // _WEEK
