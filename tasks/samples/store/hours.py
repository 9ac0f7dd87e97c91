"""Figures by hour: merged from those by minute, and kept when these are not."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, literal, select, union_all

from tasks.history.batches import BatchSize, in_batches
from tasks.history.engine import History, reading
from tasks.history.kept import mark_kept
from tasks.history.prune import remove_hours
from tasks.history.tables import services
from tasks.history.upsert import put_rows
from tasks.samples.facts import Figures
from tasks.samples.tables import sample_hours, sample_series, samples


def merge_samples(history: History, service: str, before: int, step_min: int) -> Iterator[int]:
    """Merge what a service has before a minute into hours of `step_min` minutes, and remove it; gives rows.

    Each step is a transaction of its own. Raises HistoryError.
    """
    c, size = samples.c, BatchSize()
    oldest = select(func.min(c.minute)).where(c.series_id == sample_series.c.id).scalar_subquery()
    query = select(sample_series.c.id, services.c.id).join(services, services.c.id == sample_series.c.service_id)
    with reading(history) as connection:
        found = connection.execute(query.where(services.c.name == service, oldest < before)).all()
    for series, owner in found:

        def merge(connection: Connection, most: int, series: int = series, owner: int = owner) -> int:
            # Those who store figures take this lock first; on SQLite every writer is alone.
            connection.execute(select(services.c.id).where(services.c.id == owner).with_for_update(key_share=True))
            mine = select(c.minute, c.value).where(c.series_id == series, c.minute < before).order_by(c.minute)
            rows = connection.execute(mine.limit(most)).all()
            if rows:
                mark_kept(connection, owner, "minutes", before)
                _add(connection, series, _by_hour(rows, step_min))
                connection.execute(delete(samples).where(c.series_id == series, c.minute <= rows[-1].minute))
            return len(rows)

        yield from in_batches(history, size, merge)


def read_figures(history: History, service: str, name: str, first: int, end: int) -> dict[str, list[Figures]]:
    """The hours and the younger minutes of a name by subject that begin from the minute `first` to before `end`.

    Oldest first, in one view: what is merged meanwhile counts once.
    """
    h, m = sample_hours.c, samples.c
    hours = select(h.series_id, h.minute, h.samples, h.total, h.last).where(h.minute >= first, h.minute < end)
    minutes = select(m.series_id, m.minute, literal(1), m.value, m.value).where(m.minute >= first, m.minute < end)
    both = union_all(hours, minutes).subquery()
    query = (
        select(sample_series.c.subject, *(column for column in both.c if column.name != "series_id"))
        .join(both, both.c.series_id == sample_series.c.id)
        .join(services, services.c.id == sample_series.c.service_id)
        .where(services.c.name == service, sample_series.c.name == name)
        .order_by(sample_series.c.subject, both.c.minute)
    )
    found: dict[str, list[Figures]] = {}
    with reading(history) as connection:
        for subject, *figures in connection.execute(query):
            found.setdefault(subject, []).append(Figures(*figures))
    return found


def _by_hour(rows: Sequence[Any], step_min: int) -> dict[int, dict[str, Any]]:
    """The figures of minutes, oldest first, by the first minute of their hour."""
    values: dict[int, list[float]] = {}
    for minute, value in rows:
        values.setdefault(minute - minute % step_min, []).append(value)
    return {
        minute: {"samples": len(of), "total": sum(of), "low": min(of), "high": max(of), "last": of[-1]}
        for minute, of in values.items()
    }


def _add(connection: Connection, series: int, hours: dict[int, dict[str, Any]]) -> None:
    """Add to the hours that are there: a figure may come late, and a batch may end within an hour."""
    h = sample_hours.c
    span = select(sample_hours).where(h.series_id == series, h.minute.between(min(hours), max(hours)))
    for row in connection.execute(span).all():
        if (hour := hours.get(row.minute)) is not None:
            hour["samples"] += row.samples
            hour["total"] += row.total
            hour["low"], hour["high"] = min(hour["low"], row.low), max(hour["high"], row.high)
    put_rows(connection, sample_hours, [{"series_id": series, "minute": m, **of} for m, of in hours.items()])


def remove_sample_hours(history: History, service: str, before: int) -> Iterator[int]:
    """Remove a service's hours before a minute; gives rows. Raises HistoryError."""
    owners = select(sample_series.c.id).join(services, services.c.id == sample_series.c.service_id)
    return remove_hours(history, service, owners, sample_hours, before)
