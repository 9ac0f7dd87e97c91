"""Which times of lines can be: none from after it was read, none of long before the lines around it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SKEW: Final = timedelta(minutes=15)
"""A line may be dated so far after the moment at which reading began: ten minutes of reading, and the five minutes that
Kerberos allows clocks to differ by (clockskew of krb5.conf)."""
BACK: Final = timedelta(hours=24)
"""A line may be dated so long before the lines that were written before it. Source: opsrounds' default; two logs of a
day may have been put one behind the other."""
KEPT: Final = timedelta(days=400)
"""A line may be dated so long before it was written. Source: hourly counts are kept for 13 months."""
_SKEW_MIN = int(SKEW.total_seconds()) // 60
BACK_MIN: Final = int(BACK.total_seconds()) // 60


@dataclass(slots=True)
class Clock:
    """Follows the times of a log's lines, in whole minutes since 1970.

    `newest` is that of the newest line so far, `oldest` the earliest that was taken, None without any.
    """

    earliest: int
    latest: int
    newest: int = 0
    oldest: int | None = None

    @classmethod
    def at(cls, now: datetime, written_after: datetime | None = None) -> "Clock":
        """For lines that are read now, and that were written after a moment where that is known."""
        earliest = 0 if written_after is None else int((written_after - KEPT).timestamp()) // 60
        return cls(earliest, int(now.timestamp()) // 60 + _SKEW_MIN)

    def takes(self, minute: int) -> bool:
        """True when a line can be of this minute; it is the next one's measure then."""
        if not max(self.earliest, self.newest - BACK_MIN) <= minute <= self.latest:
            return False
        self.newest = max(self.newest, minute)
        self.oldest = minute if self.oldest is None else min(self.oldest, minute)
        return True
