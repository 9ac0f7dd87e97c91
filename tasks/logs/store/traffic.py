"""Requests by route and hour with their latencies, from what the logs were counted to: minutes, and older hours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Connection, Select, case, cast, func, select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.logs.count.packed import BINS, unpack_many
from tasks.logs.tables import latency_bounds, traffic_hours, traffic_minutes, traffic_series

_HOUR = 60
_PLACES = (1, 2, 3, 4)
_SPACE = 0x20

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RouteHours:
    """Requests of one route, one place an hour of a span.

    Of the `timed` requests, `compared` were counted at the bound that was asked for, and `within` of these were at or
    under it. `bins` hold by hour the timed requests by latency, in the bins of `count.packed`. `busy` are the minutes
    of the span that had a request.
    """

    module: str
    route: str
    valid: Counts
    bad: Counts
    timed: Counts
    compared: Counts
    within: Counts
    bins: Counts
    busy: Flags


def read_routes(history: History, service: str, first: int, end: int, bound_ms: float) -> Iterator[RouteHours]:
    """The routes that had requests from the minute `first` to before `end`, one at a time; hours count from `first`.

    Raises HistoryError, and ValueError for a stored sketch that is none.
    """
    with reading(history) as connection:
        mine = select(traffic_series).join(services, services.c.id == traffic_series.c.service_id)
        order = (traffic_series.c.module, traffic_series.c.route)
        series = connection.execute(mine.where(services.c.name == service).order_by(*order)).all()
        places = _places(connection, bound_ms)
        for row in series:
            rows = connection.execute(_by_hour(row.id, first, end, places, connection.dialect.name)).all()
            old = connection.execute(_hours(first, end).where(traffic_hours.c.series_id == row.id)).all()
            if rows or old:
                route = _route(row.module, row.route, rows, end - first)
                _add_hours(route, old, first, places)
                yield route


def busy_near(history: History, service: str, first: int, end: int) -> Flags:
    """Which minutes from `first` to before `end` had a request. Raises HistoryError."""
    c = traffic_minutes.c
    query = (
        select(c.minute)
        .distinct()
        .join(traffic_series, traffic_series.c.id == c.series_id)
        .join(services, services.c.id == traffic_series.c.service_id)
        .where(services.c.name == service, c.minute >= first, c.minute < end, c.valid > 0)
    )
    busy = np.zeros(end - first, dtype=np.bool_)
    old = _hours(first - _HOUR, end).join(traffic_series, traffic_series.c.id == traffic_hours.c.series_id)
    with reading(history) as connection:
        busy[[minute - first for minute in connection.execute(query).scalars()]] = True
        for row in connection.execute(old.join(services).where(services.c.name == service)):
            _mark_busy(busy, row, first)
    return busy


def _hours(first: int, end: int) -> Select[Any]:
    """The hours that begin from the minute `first` to before `end`."""
    return select(traffic_hours).where(traffic_hours.c.minute >= first, traffic_hours.c.minute < end)


def _add_hours(route: RouteHours, rows: Sequence[Any], first: int, places: dict[int, int]) -> None:
    """Count older hours too; one whose minutes came late may have minutes beside it."""
    texts = [((row.minute - first) // _HOUR, row.sketch.hex()) for row in rows if row.sketch]
    route.bins[:] += _bins(texts, len(route.valid))
    for row in rows:
        hour = (row.minute - first) // _HOUR
        route.valid[hour] += row.valid
        route.bad[hour] += row.bad
        route.timed[hour] += row.timed
        if row.bounds_id in places:
            route.compared[hour] += row.compared
            route.within[hour] += getattr(row, f"within_{places[row.bounds_id]}") or 0
        _mark_busy(route.busy, row, first)


def _mark_busy(busy: Flags, row: Any, first: int) -> None:
    """The minutes of an hour that had a request, where they are in the span."""
    at = np.flatnonzero((row.busy >> np.arange(_HOUR)) & 1) + row.minute - first
    busy[at[(at >= 0) & (at < busy.size)]] = True


def _places(connection: Connection, bound_ms: float) -> dict[int, int]:
    """By the key of stored bounds, at which of their places the bound stands."""
    return {
        row.id: place
        for row in connection.execute(select(latency_bounds))
        for place in _PLACES
        if getattr(row, f"bound_{place}_ms") == bound_ms
    }


def _by_hour(series: int, first: int, end: int, places: dict[int, int], dialect: str) -> Select[Any]:
    c = traffic_minutes.c
    hour = (c.minute - first) // _HOUR
    within: ColumnElement[Any] = cast(None, BigInteger)
    if places:
        within = case(*((c.bounds_id == key, c[f"within_{place}"]) for key, place in places.items()), else_=None)
    # The minutes of an hour that had a request, as the bits of one number: each minute stands there once.
    bit = cast(1, BigInteger).bitwise_lshift((c.minute - first) % _HOUR)
    hexed = func.hex(c.sketch) if dialect == "sqlite" else func.encode(c.sketch, "hex")
    return (
        select(
            hour.label("hour"),
            func.sum(c.valid),
            func.sum(c.bad),
            func.sum(c.timed),
            func.coalesce(func.sum(case((within.is_(None), 0), else_=c.timed)), 0),
            func.coalesce(func.sum(within), 0),
            func.sum(case((c.valid > 0, bit), else_=0)),
            # A minute without any duration has an empty sketch, which is none.
            func.aggregate_strings(func.nullif(hexed, ""), " "),
        )
        .where(c.series_id == series, c.minute >= first, c.minute < end)
        .group_by("hour")
        .order_by("hour")
    )


def _route(module: str, route: str, rows: Sequence[Any], minutes: int) -> RouteHours:
    hours = -(-minutes // _HOUR)
    at = np.array([row[0] for row in rows], dtype=np.int64)
    sums = np.zeros((5, hours), dtype=np.int64)
    sums[:, at] = np.array([[int(value) for value in row[1:6]] for row in rows], dtype=np.int64).T
    masks = np.array([int(row[6]) for row in rows], dtype=np.int64)
    busy = np.zeros((hours, _HOUR), dtype=np.bool_)
    busy[at] = (masks[:, None] >> np.arange(_HOUR)) & 1 > 0
    bins = _bins([(int(row[0]), row[7]) for row in rows if row[7]], hours)
    valid, bad, timed, compared, within = sums
    return RouteHours(module, route, valid, bad, timed, compared, within, bins, busy.reshape(-1)[:minutes])


def _bins(texts: Sequence[tuple[int, str]], hours: int) -> Counts:
    """Counts by hour and bin of sketches in hexadecimal digits, with spaces between those of an hour."""
    text = " ".join(text for _, text in texts).encode("ascii")
    spaces = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _SPACE)
    data = np.frombuffer(bytes.fromhex(text.decode("ascii")), dtype=np.uint8)
    starts = np.concatenate(([0], (spaces - np.arange(spaces.size)) // 2)) if texts else spaces
    hour_of = np.repeat([hour for hour, _ in texts], [text.count(" ") + 1 for _, text in texts])
    sketch, index, counts = unpack_many(data, starts)
    cells = hour_of[sketch] * BINS + index if texts else index
    # Weights are added up as floats, which are exact up to 2^53.
    return np.bincount(cells, counts, hours * BINS).astype(np.int64).reshape(hours, BINS)
