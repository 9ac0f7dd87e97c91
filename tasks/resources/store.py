"""The samples of the last day as the judges of resources take them."""

from datetime import datetime

from tasks.history.engine import History
from tasks.resources.judge import Samples
from tasks.samples.store.minutes import read_samples

_MINUTES = 24 * 60


def read_day(history: History, service: str, name: str, now: datetime) -> Samples:
    """The figures of a name by subject: the 1440 minutes before `now`, oldest first, None where none was taken."""
    first = int(now.timestamp()) // 60 - _MINUTES
    found: dict[str, list[float | None]] = {}
    for subject, rows in read_samples(history, service, name, first, first + _MINUTES).items():
        day = found.setdefault(subject, [None] * _MINUTES)
        for minute, value in rows:
            day[minute - first] = value
    return found
