"""Requests by minute, merged into hours: the same counts, the same latency bins, and which minutes had a request."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, select

from tasks.history.batches import BatchSize, in_batches
from tasks.history.engine import History, reading
from tasks.history.kept import mark_kept
from tasks.history.tables import services
from tasks.history.upsert import put_rows
from tasks.logs.count.packed import BINS, unpack_many
from tasks.logs.count.sketch import LEAST_INDEX, Sketch
from tasks.logs.tables import traffic_hours, traffic_minutes, traffic_series

_WITHIN = [f"within_{place}" for place in (1, 2, 3, 4)]
_SUMS = ["valid", "bad", "timed", "compared"]
Place = tuple[int, int]
"""The first minute of an hour, and the bounds at which its requests were counted."""


def merge_minutes(history: History, service: str, before: int, step_min: int) -> Iterator[int]:
    """Merge what a service has before a minute into hours of `step_min` minutes, and remove it; gives rows.

    Each step is a transaction of its own. Raises HistoryError, and ValueError for a stored sketch that is none.
    """
    c, size = traffic_minutes.c, BatchSize()
    oldest = select(func.min(c.minute)).where(c.series_id == traffic_series.c.id).scalar_subquery()
    query = select(traffic_series.c.id, services.c.id).join(services, services.c.id == traffic_series.c.service_id)
    with reading(history) as connection:
        found = connection.execute(query.where(services.c.name == service, oldest < before)).all()
    for series, owner in found:

        def merge(connection: Connection, most: int, series: int = series, owner: int = owner) -> int:
            # Those who count log lines take this lock first; on SQLite every writer is alone.
            connection.execute(select(services.c.id).where(services.c.id == owner).with_for_update(key_share=True))
            mine = select(traffic_minutes).where(c.series_id == series, c.minute < before).order_by(c.minute)
            rows = connection.execute(mine.limit(most)).all()
            if rows:
                mark_kept(connection, owner, "minutes", before)
                _add(connection, series, _by_hour(rows, step_min))
                connection.execute(delete(traffic_minutes).where(c.series_id == series, c.minute <= rows[-1].minute))
            return len(rows)

        yield from in_batches(history, size, merge)


def _by_hour(rows: Sequence[Any], step_min: int) -> dict[Place, dict[str, Any]]:
    """The sums of minutes by hour and bounds; `sketch` is a Sketch."""
    found: dict[Place, dict[str, Any]] = {}
    numbers: dict[Place, int] = {}
    sketches: list[bytes] = []
    of_sketch: list[int] = []
    for row in rows:
        place = row.minute - row.minute % step_min, row.bounds_id
        hour = found.setdefault(place, {**dict.fromkeys(_SUMS, 0), **dict.fromkeys(_WITHIN), "busy": 0})
        number = numbers.setdefault(place, len(numbers))
        hour["valid"] += row.valid
        hour["bad"] += row.bad
        hour["timed"] += row.timed
        # A minute that was counted at several bounds has none of these counts.
        hour["compared"] += 0 if row.within_1 is None else row.timed
        for name in _WITHIN:
            hour[name] = _sum(hour[name], getattr(row, name))
        hour["busy"] |= int(row.valid > 0) << (row.minute % step_min)
        if row.sketch:
            sketches.append(row.sketch)
            of_sketch.append(number)
    for hour, bins in zip(found.values(), _merged(sketches, of_sketch, len(found)), strict=True):
        hour["sketch"] = Sketch({int(at) + LEAST_INDEX: int(bins[at]) for at in np.flatnonzero(bins)})
    return found


def _merged(sketches: Sequence[bytes], groups: Sequence[int], size: int) -> Any:
    """Counts by group and bin of packed sketches."""
    starts = np.cumsum([0, *(len(sketch) for sketch in sketches[:-1])]) if sketches else np.zeros(0, dtype=np.int64)
    sketch, index, counts = unpack_many(np.frombuffer(b"".join(sketches), dtype=np.uint8), starts)
    cells = np.array(groups, dtype=np.int64)[sketch] * BINS + index
    # Weights are added up as floats, which are exact up to 2^53.
    return np.bincount(cells, counts, size * BINS).astype(np.int64).reshape(size, BINS)


def _add(connection: Connection, series: int, hours: dict[Place, dict[str, Any]]) -> None:
    """Add to the hours that are there: a line may come late, and a batch may end within an hour."""
    c, minutes = traffic_hours.c, [minute for minute, _ in hours]
    span = select(traffic_hours).where(c.series_id == series, c.minute.between(min(minutes), max(minutes)))
    for row in connection.execute(span).all():
        if (hour := hours.get((row.minute, row.bounds_id))) is None:
            continue
        for name in _SUMS:
            hour[name] += getattr(row, name)
        for name in _WITHIN:
            hour[name] = _sum(hour[name], getattr(row, name))
        hour["busy"] |= row.busy
        if row.sketch:
            hour["sketch"] = hour["sketch"].merge(Sketch.unpack(row.sketch))
    rows = [
        {**hour, "series_id": series, "minute": minute, "bounds_id": bounds, "sketch": _packed(hour["sketch"])}
        for (minute, bounds), hour in hours.items()
    ]
    put_rows(connection, traffic_hours, rows)


def _sum(before: int | None, more: int | None) -> int | None:
    """What is known of both; None where nothing is."""
    return more if before is None else before + (more or 0)


def _packed(sketch: Sketch) -> bytes | None:
    return sketch.pack() if sketch.bins else None
