"""Days, ISO weeks and months in a service's zone, as the instants at which they begin and end."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})", re.ASCII)
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
FORMS = "a day is 2026-11-24, a week 2026-W48, a month 2026-11"


@dataclass(frozen=True, slots=True)
class Period:
    """A day, week or month by its key (`2026-11-24`, `2026-W48`, `2026-11`); `start` and `end` are UTC.

    Its length follows the zone's clock changes: a March in New York has 743 hours.
    """

    key: str
    start: datetime
    end: datetime

    @property
    def is_month(self) -> bool:
        """True for a calendar month."""
        return _MONTH.fullmatch(self.key) is not None


def day_period(day: date, zone: ZoneInfo) -> Period:
    """A calendar day."""
    return Period(day.isoformat(), _begins(day, zone), _begins(day + timedelta(days=1), zone))


def week_period(day: date, zone: ZoneInfo) -> Period:
    """The ISO week, Monday to Sunday, that holds a day."""
    monday = day - timedelta(days=day.weekday())
    year, week, _ = day.isocalendar()
    return Period(f"{year:04}-W{week:02}", _begins(monday, zone), _begins(monday + timedelta(days=7), zone))


def month_period(day: date, zone: ZoneInfo) -> Period:
    """The calendar month that holds a day."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Period(f"{first:%Y-%m}", _begins(first, zone), _begins(following, zone))


def parse_period(text: str, zone: ZoneInfo) -> Period:
    """The period of a key; raises ValueError, which says how one is written."""
    try:
        if found := _WEEK.fullmatch(text):
            return week_period(date.fromisocalendar(int(found[1]), int(found[2]), 1), zone)
        if found := _MONTH.fullmatch(text):
            return month_period(date(int(found[1]), int(found[2]), 1), zone)
        if _DAY.fullmatch(text):
            return day_period(date.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text!r} is no period: {FORMS}")


def week_before(day: date, zone: ZoneInfo) -> Period:
    """The last whole week before the one that holds a day."""
    return week_period(day - timedelta(days=7), zone)


def month_before(day: date, zone: ZoneInfo) -> Period:
    """The last whole month before the one that holds a day."""
    return month_period(day.replace(day=1) - timedelta(days=1), zone)


def _begins(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day; where clocks skip midnight, the instant at which they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
