"""The production peak, from the requests of every minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tasks.check_result import moment, msg
from tasks.observation import Unobserved

PEAK_DAYS: Final = 28
"""Days in which the peak is sought."""

Minute = tuple[int, int]
"""Minutes since 1970, and requests in it."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The busiest minute of production: requests/s in it, when it began, and days with requests."""

    per_second: float
    at: datetime
    days: int


def peak_of(minutes: Sequence[Minute], until: datetime, min_days: int) -> Peak | Unobserved:
    """The busiest minute of the last 28 days, or why too little is known of them.

    At least `min_days` of the last twice as many days must have requests: what was not logged may have been the peak.
    """
    first = _minute(until - timedelta(days=PEAK_DAYS))
    known = [minute for minute in minutes if first <= minute[0] < _minute(until) and minute[1] > 0]
    if not known:
        return Unobserved(msg("The logs have no requests of the last {days} days", days=PEAK_DAYS))
    recent = _minute(until - timedelta(days=2 * min_days))
    days = len({minute // (24 * 60) for minute, _ in known if minute >= recent})
    if days < min_days:
        return Unobserved(
            msg(
                "The logs have requests of {days} of the last {all} days ({needed} needed), the newest of {at}",
                days=days,
                all=2 * min_days,
                needed=min_days,
                at=moment(_instant(max(minute for minute, _ in known))),
            )
        )
    busiest, requests = max(known, key=lambda minute: minute[1])
    return Peak(requests / 60, _instant(busiest), len({minute // (24 * 60) for minute, _ in known}))


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _instant(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
