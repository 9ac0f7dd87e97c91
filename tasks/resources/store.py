"""What resources are judged by from the history: the samples of the last day, and the history itself."""

from datetime import datetime, timedelta
from typing import Final

from tasks.history.engine import History
from tasks.history.size import read_size
from tasks.logs.store.requests import oldest_request
from tasks.resources.facts import HistoryGrowth
from tasks.resources.judge import Samples
from tasks.samples.facts import Reading
from tasks.samples.store.days import oldest_minute
from tasks.samples.store.minutes import read_samples, store_readings

HISTORY_SIZE: Final = "history.size"
HISTORY: Final = "history"
_MINUTES = 24 * 60
_LOOKS_BACK_MIN = 8 * _MINUTES
"""The oldest size in it is that of a week ago, at whatever hour the round was."""
_YOUNGEST = timedelta(hours=20)
"""What a history grows by within a day differs by the hour."""


def read_day(history: History, service: str, name: str, now: datetime) -> Samples:
    """The figures of a name by subject: the 1440 minutes before `now`, oldest first, None where none was taken."""
    first = int(now.timestamp()) // 60 - _MINUTES
    found: dict[str, list[float | None]] = {}
    for subject, rows in read_samples(history, service, name, first, first + _MINUTES).items():
        day = found.setdefault(subject, [None] * _MINUTES)
        for minute, value in rows:
            day[minute - first] = value
    return found


def read_growth(history: History, service: str, kept_days: int, now: datetime) -> HistoryGrowth:
    """The size of the history and how it grew; the size is kept for the next rounds.

    Raises HistoryError.
    """
    total, unused, free = read_size(history)
    minute = int(now.timestamp()) // 60
    sizes = read_samples(history, service, HISTORY_SIZE, minute - _LOOKS_BACK_MIN, minute).get(HISTORY, [])
    store_readings(history, service, [(now, Reading(HISTORY_SIZE, HISTORY, float(total), "B"))])
    days, growth = 0.0, None
    if sizes and (minute - sizes[0][0]) * timedelta(minutes=1) >= _YOUNGEST:
        days = (minute - sizes[0][0]) / _MINUTES
        growth = (total - sizes[0][1]) / days
    oldest = min(m for m in (oldest_request(history, service), oldest_minute(history, service)) if m is not None)
    return HistoryGrowth(total, unused, free, growth, days, (minute - oldest) / _MINUTES, kept_days)
