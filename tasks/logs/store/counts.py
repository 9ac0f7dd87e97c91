"""The logs in the history: one transaction moves the positions and adds what was counted up to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, insert, select, text, update

from tasks.history.engine import History, writing
from tasks.history.services import service_id
from tasks.history.tables import services
from tasks.history.upsert import put_rows
from tasks.logs.count.batch import MOST_ODD_LEVELS, Batch, MinuteTraffic
from tasks.logs.count.sketch import Sketch
from tasks.logs.lines.places import MOST_ROUTES, OTHER
from tasks.logs.sources.files import Mark
from tasks.logs.store.errors import MOST_NAME, store_errors
from tasks.logs.tables import (
    error_hours,
    latency_bounds,
    log_fields,
    log_files,
    log_hours,
    log_levels,
    log_modules,
    log_sources,
    malformed_lines,
    module_hours,
    personal_data_hours,
    traffic_minutes,
    traffic_series,
)

MOST_BOUNDS = 4
MOST_ROUTE = 250
"""What the columns hold: SQLite would take more, PostgreSQL refuses it."""
MOST_SAMPLES_KEPT = 100
"""Malformed lines of a source that are kept, the newest."""
_BOUNDS = [f"bound_{place}_ms" for place in range(1, MOST_BOUNDS + 1)]
_WITHIN = [f"within_{place}" for place in range(1, MOST_BOUNDS + 1)]


class StaleSourceVersion(Exception):
    """Another writer has stored lines of this source since it was opened: what was read here may be its lines."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as it stands in the history; only a writer that knows its newest `version` may store."""

    id: int
    service_id: int
    version: int
    cursor: bytes
    marks: tuple[Mark, ...]
    routes: frozenset[str]


def open_source(history: History, service: str, name: str, *, synthetic: bool) -> SourceState:
    """How far a source was read; one that is not known yet becomes so, and one that was ever generated stays so."""
    with writing(history) as connection:
        service_key = service_id(connection, service)
        _lock(connection, service_key)
        mine = and_(log_sources.c.service_id == service_key, log_sources.c.name == name)
        row = connection.execute(select(log_sources).where(mine)).first()
        if row is None:
            new = {"service_id": service_key, "name": name, "synthetic": synthetic, "version": 0}
            new |= {"newest_minute": 0, "cursor": b""}
            connection.execute(insert(log_sources).values(new))
        elif synthetic and not row.synthetic:
            connection.execute(update(log_sources).where(mine).values(synthetic=True))
        row = connection.execute(select(log_sources).where(mine)).one()
        files = connection.execute(select(log_files).where(log_files.c.source_id == row.id))
        routes = select(traffic_series.c.route).where(
            traffic_series.c.service_id == service_key, traffic_series.c.route != ""
        )
        return SourceState(
            row.id,
            service_key,
            row.version,
            row.cursor,
            tuple(_mark(file) for file in files),
            frozenset(connection.execute(routes).scalars()),
        )


def store_batch(
    history: History,
    state: SourceState,
    batch: Batch,
    bounds_ms: Sequence[float],
    now: datetime,
    *,
    mark: Mark | None = None,
    cursor: bytes | None = None,
    own_routes: frozenset[str] = frozenset(),
) -> tuple[SourceState, Mark | None]:
    """Add a batch and move to where it ends, both or neither; gives the state and the mark as stored.

    `own_routes` are those of the service file: the others are learnt, and of these there are so many and no more.
    Raises StaleSourceVersion if another writer has stored since `state` was read, HistoryError if the database fails.
    """
    with writing(history) as connection:
        _lock(connection, state.service_id)
        _move(connection, state, **({} if cursor is None else {"cursor": cursor}))
        stored = None if mark is None else _store_mark(connection, state.id, mark, now)
        _store_source(connection, state.id, batch, now)
        _store_traffic(connection, state.service_id, batch.traffic, bounds_ms, own_routes)
        _store_modules(connection, state.service_id, batch)
        _add(connection, error_hours, store_errors(connection, state.service_id, batch.errors))
    marks = state.marks
    if stored is not None:
        marks = (*(known for known in marks if known.id != stored.id), stored)
    return replace(
        state, version=state.version + 1, marks=marks, cursor=state.cursor if cursor is None else cursor
    ), stored


def forget_marks(history: History, state: SourceState, gone: Iterable[Mark]) -> SourceState:
    """Let go of files that are not there any more; raises StaleSourceVersion and HistoryError as `store_batch` does."""
    ids = {mark.id for mark in gone}
    with writing(history) as connection:
        _lock(connection, state.service_id)
        _move(connection, state)
        connection.execute(delete(log_files).where(log_files.c.id.in_(ids)))
    marks = tuple(mark for mark in state.marks if mark.id not in ids)
    return replace(state, version=state.version + 1, marks=marks)


def _move(connection: Connection, state: SourceState, **values: Any) -> None:
    mine = and_(log_sources.c.id == state.id, log_sources.c.version == state.version)
    moved = connection.execute(update(log_sources).where(mine).values(version=state.version + 1, **values))
    if moved.rowcount != 1:
        raise StaleSourceVersion


def _lock(connection: Connection, service: int) -> None:
    """Let one writer at a time at a service's counts: its sources share minutes, modules and errors.

    On SQLite every writer is alone. Rows that only name the service may still be written meanwhile.
    """
    connection.execute(select(services.c.id).where(services.c.id == service).with_for_update(key_share=True))


def _mark(row: Any) -> Mark:
    return Mark(
        id=row.id,
        path=row.path,
        head=row.head,
        tail=row.tail,
        position=row.position,
        device=row.device,
        inode=int(row.inode),
        size=row.size,
        mtime_ns=row.mtime_ns,
        complete=row.complete,
        problem=row.problem,
    )


def _store_mark(connection: Connection, source: int, mark: Mark, now: datetime) -> Mark:
    names = [name for name in Mark.__slots__ if name != "id"]
    values: dict[str, Any] = {name: getattr(mark, name) for name in names}
    values |= {"head_length": mark.head_length, "inode": str(mark.inode), "source_id": source, "seen_at": now}
    if mark.id is not None:
        connection.execute(update(log_files).where(log_files.c.id == mark.id).values(values))
        return mark
    new = connection.execute(insert(log_files).values(values).returning(log_files.c.id)).scalar_one()
    return replace(mark, id=new)


def _store_source(connection: Connection, source: int, batch: Batch, now: datetime) -> None:
    mine = log_sources.c.id == source
    # A line of tomorrow tells that the log is written to now, and not that it will be.
    newest = min(batch.newest_minute, int(now.timestamp()) // 60)
    newer = update(log_sources).where(mine, log_sources.c.newest_minute < newest)
    connection.execute(newer.values(newest_minute=newest))
    _add(connection, log_hours, (((source, hour), astuple(lines)) for hour, lines in batch.lines.items()))
    _add(connection, log_fields, (((source, hour, name), (lines,)) for (hour, name), lines in batch.fields.items()))
    if batch.odd_levels:
        _store_levels(connection, source, batch.odd_levels)
    if batch.samples:
        _store_samples(connection, source, batch.samples, now)


def _store_levels(connection: Connection, source: int, found: Mapping[tuple[int, str], int]) -> None:
    """Add to the unknown levels of each hour; beyond so many, they are counted together."""
    c = log_levels.c
    known: dict[int, set[str]] = {}
    hours = {hour for hour, _ in found}
    span = select(c.hour, c.level).where(c.source_id == source, c.hour.between(min(hours), max(hours)))
    for hour, level in connection.execute(span):
        known.setdefault(hour, set()).add(level)
    rows = []
    for (hour, level), lines in found.items():
        levels = known.setdefault(hour, set())
        kept = level if level in levels or len(levels) < MOST_ODD_LEVELS else ""
        levels.add(kept)
        rows.append(((source, hour, kept), (lines,)))
    _add(connection, log_levels, rows)


def _store_samples(connection: Connection, source: int, samples: Sequence[str], now: datetime) -> None:
    connection.execute(
        insert(malformed_lines), [{"source_id": source, "seen_at": now, "text": sample} for sample in samples]
    )
    mine = malformed_lines.c.source_id == source
    newest = select(malformed_lines.c.id).where(mine).order_by(malformed_lines.c.id.desc())
    oldest = connection.execute(newest.offset(MOST_SAMPLES_KEPT).limit(1)).scalar()
    if oldest is not None:
        connection.execute(delete(malformed_lines).where(mine, malformed_lines.c.id <= oldest))


def _store_traffic(
    connection: Connection,
    service: int,
    traffic: Mapping[tuple[str, str, int], MinuteTraffic],
    bounds_ms: Sequence[float],
    own_routes: frozenset[str],
) -> None:
    by_place: dict[tuple[str, ...], dict[int, MinuteTraffic]] = {}
    routes = _routes(connection, service, (route for _, route, _ in traffic), own_routes)
    for (module, route, minute), counts in traffic.items():
        minutes = by_place.setdefault((module[:MOST_NAME], routes[route]), {})
        if minute in minutes:
            minutes[minute].add(counts)
        else:
            minutes[minute] = counts
    keys = _keys(connection, traffic_series, service, ("module", "route"), by_place)
    bounds = _bounds_key(connection, bounds_ms) if traffic else 0
    rows: list[dict[str, Any]] = []
    for place, minutes in by_place.items():
        series = traffic_minutes.c.series_id == keys[place]
        span = traffic_minutes.c.minute.between(min(minutes), max(minutes))
        known = {row.minute: row for row in connection.execute(select(traffic_minutes).where(series, span))}
        for minute, counts in minutes.items():
            rows.append(_traffic_row(keys[place], minute, counts, bounds, known.get(minute)))
    put_rows(connection, traffic_minutes, rows)


def _routes(connection: Connection, service: int, routes: Iterable[str], own: frozenset[str]) -> dict[str, str]:
    """What each route is counted as. Two sources that are read at once may each have learnt as many as there can be."""
    query = select(traffic_series.c.route).where(traffic_series.c.service_id == service)
    nobodys = {OTHER, "", *(route[:MOST_ROUTE] for route in own)}
    learnt = set(connection.execute(query).scalars()) - nobodys
    counted: dict[str, str] = {}
    for route in routes:
        cut = route[:MOST_ROUTE]
        if cut not in nobodys and len(learnt) < MOST_ROUTES:
            learnt.add(cut)
        counted[route] = cut if cut in nobodys or cut in learnt else OTHER
    return counted


def _traffic_row(series: int, minute: int, counts: MinuteTraffic, bounds: int, known: Any) -> dict[str, Any]:
    within: list[int | None] = [*counts.within, *[None] * (MOST_BOUNDS - len(counts.within))]
    row: dict[str, Any] = {"series_id": series, "minute": minute, "bounds_id": bounds}
    if known is None:
        sums = (counts.valid, counts.bad, counts.timed)
        sketch = Sketch(counts.bins)
    else:
        sums = (known.valid + counts.valid, known.bad + counts.bad, known.timed + counts.timed)
        before = [getattr(known, name) for name in _WITHIN]
        # Of a minute that was counted at other bounds before, how many were within these is not known any more.
        within = [
            None if a is None or b is None or known.bounds_id != bounds else a + b
            for a, b in zip(before, within, strict=True)
        ]
        sketch = Sketch(counts.bins) if known.sketch is None else Sketch.unpack(known.sketch).merge(Sketch(counts.bins))
    row |= dict(zip(("valid", "bad", "timed"), sums, strict=True)) | dict(zip(_WITHIN, within, strict=True))
    return {**row, "sketch": sketch.pack() if sketch.bins else None}


def _bounds_key(connection: Connection, bounds_ms: Sequence[float]) -> int:
    values = dict(zip(_BOUNDS, [*bounds_ms, *[None] * (MOST_BOUNDS - len(bounds_ms))], strict=True))
    same = and_(*(latency_bounds.c[name].is_not_distinct_from(value) for name, value in values.items()))
    query = select(latency_bounds.c.id).where(same).order_by(latency_bounds.c.id)
    found = connection.execute(query).scalar()
    if found is None and connection.dialect.name == "postgresql":  # another service's writer may just be adding them
        connection.execute(text("LOCK TABLE latency_bounds IN SHARE ROW EXCLUSIVE MODE"))
        found = connection.execute(query).scalar()
    if found is None:
        found = connection.execute(insert(latency_bounds).values(values).returning(latency_bounds.c.id)).scalar_one()
    return int(found)


def _store_modules(connection: Connection, service: int, batch: Batch) -> None:
    modules = {module for module, _ in batch.activity} | {module for module, _, _ in batch.personal}
    keys = _keys(connection, log_modules, service, ("module",), {(module[:MOST_NAME],) for module in modules})
    key_of = {module: keys[module[:MOST_NAME],] for module in modules}
    activity = (((key_of[module], hour), astuple(counts)) for (module, hour), counts in batch.activity.items())
    _add(connection, module_hours, activity)
    personal = (((key_of[module], hour, kind), (lines,)) for (module, hour, kind), lines in batch.personal.items())
    _add(connection, personal_data_hours, personal)


def _keys(
    connection: Connection, table: Table, service: int, names: tuple[str, ...], wanted: Iterable[tuple[str, ...]]
) -> dict[tuple[str, ...], int]:
    """The keys of a service's series by the columns that name them, made where they are missing."""
    query = select(table).where(table.c.service_id == service)
    found = {tuple(getattr(row, name) for name in names): int(row.id) for row in connection.execute(query)}
    for place in sorted(set(wanted) - set(found)):
        values = {"service_id": service, **dict(zip(names, place, strict=True))}
        found[place] = int(connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one())
    return found


def _add(connection: Connection, table: Table, counts: Iterable[tuple[tuple[Any, ...], Sequence[int]]]) -> None:
    """Add to the counts of rows, by their primary key."""
    summed: dict[tuple[Any, ...], Sequence[int]] = {}
    for key, values in counts:
        before = summed.get(key)
        summed[key] = values if before is None else [a + b for a, b in zip(before, values, strict=True)]
    keys = [column.name for column in table.primary_key]
    names = [column.name for column in table.columns if not column.primary_key]
    rows = [dict(zip((*keys, *names), (*key, *values), strict=True)) for key, values in summed.items()]
    put_rows(connection, table, rows, added=names)
