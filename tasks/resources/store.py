"""The samples of the last day as the judges of resources take them."""

from datetime import datetime, timedelta

from sqlalchemy import select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.resources.judge import Samples
from tasks.samples.tables import sample_series, samples

_MINUTES = 24 * 60
_DAY = timedelta(minutes=_MINUTES)


def read_day(history: History, service: str, name: str, now: datetime) -> Samples:
    """The figures of a name by subject: the 1440 minutes before `now`, oldest first, None where none was taken."""
    first = int((now - _DAY).timestamp()) // 60
    query = (
        select(sample_series.c.subject, samples.c.minute, samples.c.value)
        .join(samples)
        .join(services, services.c.id == sample_series.c.service_id)
        .where(services.c.name == service, sample_series.c.name == name)
        .where(samples.c.minute >= first, samples.c.minute < first + _MINUTES)
    )
    found: dict[str, list[float | None]] = {}
    with reading(history) as connection:
        for subject, minute, value in connection.execute(query):
            found.setdefault(subject, [None] * _MINUTES)[minute - first] = value
    return found
