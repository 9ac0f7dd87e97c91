"""Requests, probes and business KPIs of a span of minutes, from the history."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, bindparam, case, func, select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.logs.tables import latency_bounds, traffic_minutes, traffic_series
from tasks.samples.store.minutes import read_samples
from tasks.samples.tables import sample_series, samples
from tasks.slo.facts import Counts, Flags, Minutes, Probes, Scope, ScopeTraffic
from tasks.slo.sli.minutes import Span, slices
from tasks.slo.sli.unmeasured import quiet

KPI_VALUE: Final = "kpi.value"
"""What business KPIs are called among samples."""
_PLACES = (1, 2, 3, 4)


def read_traffic(
    history: History,
    service: str,
    scopes: Collection[Scope],
    bounds_ms: Collection[float],
    span: Span,
    *,
    quiet_min: int,
    read_to: int,
    hours: Counts,
) -> dict[Scope, ScopeTraffic]:
    """The requests of every scope, and of the whole service, in a span, from the counted log lines.

    A log that is silent for up to `quiet_min` minutes between two requests, or after the last one up to the minute
    `read_to` to which it was read, had none; nor had a longer one in an hour in which hardly any are usual. Of any
    other silence nothing is known. Raises HistoryError.
    """
    wide = (span[0] - quiet_min, span[1] + quiet_min)
    with reading(history) as connection:
        series = _series(connection, service)
        bounds = {row.id: row for row in connection.execute(select(latency_bounds))}
        added = {scope: _TrafficSum(wide, bounds_ms) for scope in {*scopes, Scope()}}
        by_routes = {scope for scope in added if scope.route is not None}
        for module, routes in series.items():
            for ids, wanted in _batches(module, routes, added, by_routes):
                rows = _rows(connection, ids, wide)
                for total in wanted:
                    total.add(rows, bounds)
    busy = added[Scope()].valid > 0
    known = known_minutes(busy, quiet_min, min(read_to - wide[0], busy.size))
    inside = slice(quiet_min, quiet_min + span[1] - span[0])
    read = slice(quiet_min, min(inside.stop, max(quiet_min, read_to - wide[0])))
    known[read] |= quiet(hours[: read.stop - read.start], added[Scope()].valid[read], known[read])
    return {scope: replace(total.traffic(span[0], known, inside), hours=hours) for scope, total in added.items()}


def _series(connection: Connection, service: str) -> dict[str, dict[str, int]]:
    mine = select(traffic_series).join(services, services.c.id == traffic_series.c.service_id)
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(mine.where(services.c.name == service)):
        found.setdefault(row.module, {})[row.route] = int(row.id)
    return found


def _batches(
    module: str, routes: Mapping[str, int], added: Mapping[Scope, "_TrafficSum"], by_routes: Collection[Scope]
) -> Iterator[tuple[list[int], list["_TrafficSum"]]]:
    """The series of a module, those together that count for the same scopes, with what they are added to."""
    together: dict[tuple[Scope, ...], list[int]] = {}
    for route, series in routes.items():
        own = (s for s in by_routes if s.route == route and s.module in (None, module))
        whole = (s for s in (Scope(), Scope(module)) if s in added)
        together.setdefault((*whole, *own), []).append(series)
    for scopes, ids in together.items():
        yield ids, [added[scope] for scope in scopes]


def _counted_by_minute() -> Select[Any]:
    """Columns: minute, bounds, valid, bad, then for each place of a bound the requests within and those timed."""
    c = traffic_minutes.c
    counted = [
        column
        for place in _PLACES
        for column in (
            func.coalesce(func.sum(c[f"within_{place}"]), 0),
            func.sum(case((c[f"within_{place}"].is_(None), 0), else_=c.timed)),
        )
    ]
    return (
        select(c.minute, c.bounds_id, func.sum(c.valid), func.sum(c.bad), *counted)
        .where(c.series_id.in_(bindparam("ids", expanding=True)))
        .where(c.minute >= bindparam("first"), c.minute < bindparam("end"))
        .group_by(c.minute, c.bounds_id)
    )


_COUNTED: Final = _counted_by_minute()
"""Built once: alerts ask it for every module every minute."""


def _rows(connection: Connection, ids: Sequence[int], span: Span) -> Counts:
    """What some series counted together."""
    asked = {"ids": ids, "first": span[0], "end": span[1]}
    rows = [tuple(row) for row in connection.execute(_COUNTED, asked)]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 4 + 2 * len(_PLACES))


class _TrafficSum:
    """The requests of one scope, added up minute by minute."""

    def __init__(self, span: Span, bounds_ms: Collection[float]) -> None:
        self._first, size = span[0], span[1] - span[0]
        self.valid, self._bad = (np.zeros(size, dtype=np.int64) for _ in range(2))
        self._timed = {bound: np.zeros(size, dtype=np.int64) for bound in bounds_ms}
        self._within = {bound: np.zeros(size, dtype=np.int64) for bound in bounds_ms}

    def add(self, rows: Counts, bounds: Mapping[int, Any]) -> None:
        for key in np.unique(rows[:, 1]):  # a minute may have been counted at other bounds before
            mine = rows[rows[:, 1] == key]
            at = mine[:, 0] - self._first
            self.valid[at] += mine[:, 2]
            self._bad[at] += mine[:, 3]
            for place in _PLACES:
                bound = getattr(bounds[int(key)], f"bound_{place}_ms")
                if bound in self._timed:
                    self._within[bound][at] += mine[:, 2 + 2 * place]
                    self._timed[bound][at] += mine[:, 3 + 2 * place]

    def traffic(self, first: int, known: Flags, inside: slice) -> ScopeTraffic:
        return ScopeTraffic(
            first,
            self.valid[inside],
            self._bad[inside],
            known[inside],
            {bound: counts[inside] for bound, counts in self._timed.items()},
            {bound: counts[inside] for bound, counts in self._within.items()},
        )


def known_minutes(busy: Flags, quiet_min: int, read_to: int) -> Flags:
    """Minutes with requests, and those between two that lie no further apart than a log may be quiet.

    After the last one up to the minute `read_to`, counted from the first flag, the log was read.
    """
    places = [*np.flatnonzero(busy).tolist()]
    known = busy.copy()
    for before, after in pairwise([*places, *([read_to] if places and read_to > places[-1] else [])]):
        if 1 < after - before <= quiet_min:
            known[before:after] = True
    return known


def read_probes(history: History, service: str, name: str, span: Span) -> Probes:
    """How many instances were probed in each minute of a span, and how many failed; `name` such as `probe.ready`."""
    asked, failed = (np.zeros(span[1] - span[0], dtype=np.int64) for _ in range(2))
    for rows in read_samples(history, service, name, *span).values():
        minutes, values = _columns(rows)
        asked[minutes - span[0]] += 1
        failed[minutes - span[0]] += values < 1
    return Probes(span[0], asked, failed)


def has_minutes(history: History, service: str, names: Collection[str], span: Span) -> bool:
    """Whether a span has any request, or any sample of these names. Raises HistoryError."""
    requests = (
        select(traffic_minutes.c.minute)
        .join(traffic_series, traffic_series.c.id == traffic_minutes.c.series_id)
        .join(services, services.c.id == traffic_series.c.service_id)
        .where(traffic_minutes.c.minute >= span[0], traffic_minutes.c.minute < span[1])
    )
    figures = (
        select(samples.c.minute)
        .join(sample_series, sample_series.c.id == samples.c.series_id)
        .join(services, services.c.id == sample_series.c.service_id)
        .where(sample_series.c.name.in_(names), samples.c.minute >= span[0], samples.c.minute < span[1])
    )
    with reading(history) as connection:
        mine = (query.where(services.c.name == service).limit(1) for query in (requests, figures))
        return any(connection.execute(query).first() is not None for query in mine)


def read_floor(history: History, service: str, subject: str, floor: float, span: Span) -> Minutes:
    """The minutes of a span in which a business KPI was sampled, good at or above its floor."""
    good, measured = (np.zeros(span[1] - span[0], dtype=np.bool_) for _ in range(2))
    minutes, values = _columns(read_samples(history, service, KPI_VALUE, *span).get(subject, []))
    measured[minutes - span[0]] = True
    good[minutes - span[0]] = values >= floor
    return slices(span[0], good, measured)


def _columns(rows: Sequence[tuple[int, float]]) -> tuple[Counts, NDArray[np.float64]]:
    """Minutes and values."""
    return np.array([row[0] for row in rows], dtype=np.int64), np.array([row[1] for row in rows], dtype=np.float64)
