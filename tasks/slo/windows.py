"""The windows of objectives: calendar weeks and months in the service's zone, and rolling days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tasks.periods import month_period, week_period

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The span of an objective: `start` to `end`, with data up to `as_of`; all UTC."""

    start: datetime
    end: datetime
    as_of: datetime

    @property
    def running(self) -> bool:
        """True while a part of it is still to come."""
        return self.as_of < self.end

    @property
    def length_min(self) -> int:
        """The whole window in minutes."""
        return minute_of(self.end) - minute_of(self.start)

    @property
    def elapsed_min(self) -> int:
        """What has passed of it in minutes."""
        return minute_of(self.as_of) - minute_of(self.start)

    def start_of(self, minute: int) -> datetime:
        """The instant at which its minute of a number, from 0, begins."""
        return at_minute(minute_of(self.start) + minute)

    @property
    def elapsed_share(self) -> float:
        """What has passed of it, from 0 to 1."""
        return self.elapsed_min / self.length_min if self.length_min else 1.0


def window_at(name: str, as_of: datetime, zone: ZoneInfo, since: date | None = None) -> Window:
    """The window of a name (`month`, `week`, `28d`) as it stands at an instant, which is its end if rolling.

    An instant at which a month ends still belongs to that month. Nothing before `since` belongs to any window.
    """
    began = None if since is None else datetime.combine(since, time(), zone).astimezone(UTC)
    last = (as_of - timedelta(microseconds=1)).astimezone(zone).date()
    if name == "month":
        whole = month_period(last, zone)
        start, end = whole.start, whole.end
    elif name == "week":
        whole = week_period(last, zone)
        start, end = whole.start, whole.end
    else:
        start, end = as_of - timedelta(days=int(name.removesuffix("d"))), as_of
    start = start if began is None else min(max(start, began), end)
    return Window(start, end, max(start, as_of))


def minute_of(at: datetime) -> int:
    """Minutes since 1970, UTC."""
    return int(at.timestamp() // 60)


def at_minute(minute: int) -> datetime:
    """The instant at which a minute begins."""
    return datetime.fromtimestamp(minute * 60, UTC)
