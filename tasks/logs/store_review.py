"""Reads from the history what the logs say of a period."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.logs.batch import MOST_SAMPLES, Exemplar, Lines
from tasks.logs.facts import (
    Damage,
    DamagedFile,
    ErrorGroup,
    LogReview,
    ModuleLines,
    PersonalData,
    SecurityHour,
    SourceLines,
)
from tasks.logs.tables import (
    error_groups,
    error_hours,
    log_files,
    log_hours,
    log_modules,
    log_sources,
    malformed_lines,
    module_hours,
    personal_data_hours,
    traffic_minutes,
    traffic_series,
)

BASE_DAYS = 28
"""Errors are compared with four weeks: each weekday four times."""
_USUAL_DAYS = 7


def read_review(history: History, service: str, sources: Sequence[str], since: datetime, until: datetime) -> LogReview:
    """What the logs say from `since` until `until`; both are taken at whole hours, `until` at the next one."""
    first, last = _hour(since), -(-int(until.timestamp()) // 3600)
    with reading(history) as connection:
        key = connection.execute(select(services.c.id).where(services.c.name == service)).scalar()
        key = -1 if key is None else key
        oldest = _oldest_hour(connection, key)
        return LogReview(
            since=_at(first),
            until=until,
            warm_days=0.0 if oldest is None else max(0.0, (first - oldest) / 24),
            sources=tuple(_sources(connection, key, sources, first, last)),
            modules=tuple(_modules(connection, key, first, last)),
            errors=tuple(_errors(connection, key, first, last)),
            personal=tuple(_personal(connection, key, first, last)),
            security=tuple(_security(connection, key, first, last)),
            security_daily=_security_daily(connection, key, first, oldest),
        )


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600


def _at(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)


def _oldest_hour(connection: Connection, service: int) -> int | None:
    mine = select(func.min(log_hours.c.hour)).join(log_sources).where(log_sources.c.service_id == service)
    return connection.execute(mine.where(log_hours.c.parsed > 0)).scalar()


def _sources(connection: Connection, service: int, names: Sequence[str], first: int, last: int) -> list[SourceLines]:
    known = {
        row.name: row for row in connection.execute(select(log_sources).where(log_sources.c.service_id == service))
    }
    found = []
    for name in names:
        row = known.get(name)
        if row is None:
            found.append(SourceLines(name, Lines(), {}, None, (), (), False))
            continue
        span = (log_hours.c.source_id == row.id, log_hours.c.hour >= first, log_hours.c.hour < last)
        sums = connection.execute(select(*(func.sum(log_hours.c[name]) for name in Lines.__slots__)).where(*span)).one()
        samples = select(malformed_lines.c.text).where(
            malformed_lines.c.source_id == row.id, malformed_lines.c.seen_at >= _at(first)
        )
        damaged = select(log_files.c.path, log_files.c.problem).where(
            log_files.c.source_id == row.id, log_files.c.problem != "", log_files.c.seen_at >= _at(first)
        )
        found.append(
            SourceLines(
                name,
                Lines(*(int(count or 0) for count in sums)),
                fields=json.loads(row.fields),
                newest=datetime.fromtimestamp(row.newest_minute * 60, UTC) if row.newest_minute else None,
                samples=tuple(connection.execute(samples.limit(MOST_SAMPLES)).scalars()),
                damaged=tuple(DamagedFile(f.path, Damage(f.problem)) for f in connection.execute(damaged)),
                synthetic=row.synthetic,
            )
        )
    return found


def _modules(connection: Connection, service: int, first: int, last: int) -> list[ModuleLines]:
    hours = _module_hours(service, first - _USUAL_DAYS * 24, last)
    lines: dict[str, dict[int, Any]] = {}
    for row in connection.execute(hours):
        lines.setdefault(row.module, {})[row.hour] = row
    minutes = (
        select(traffic_series.c.module, func.sum(traffic_minutes.c.valid), func.sum(traffic_minutes.c.bad))
        .join(traffic_minutes)
        .where(traffic_series.c.service_id == service)
        .where(traffic_minutes.c.minute >= first * 60, traffic_minutes.c.minute < last * 60)
        .group_by(traffic_series.c.module)
    )
    requests = {module: (int(valid), int(bad)) for module, valid, bad in connection.execute(minutes)}
    oldest = min((hour for by_hour in lines.values() for hour in by_hour), default=last)
    days = min(_USUAL_DAYS, max(0, (last - 1 - oldest) // 24))
    return [
        _module(module, by_hour, requests.get(module, (0, 0)), first, last, days)
        for module, by_hour in sorted(lines.items())
    ]


def _module(
    module: str, hours: dict[int, Any], requests: tuple[int, int], first: int, last: int, days: int
) -> ModuleLines:
    period = [row for hour, row in hours.items() if hour >= first]
    # The running hour and the one before it: just after the full hour, the running one says nothing yet.
    recent = [hours[hour].lines for hour in (last - 1, last - 2) if hour in hours]
    before = [hours[hour].lines for day in range(1, days + 1) if (hour := last - 2 - day * 24) in hours]
    return ModuleLines(
        module=module,
        lines=sum(row.lines for row in period),
        errors=sum(row.errors for row in period),
        warnings=sum(row.warnings for row in period),
        valid=requests[0],
        bad=requests[1],
        last_hour_lines=sum(recent),
        usual_lines=sum(before) / days if days else None,
        days=days,
    )


def _module_hours(service: int, first: int, last: int) -> Select[Any]:
    columns = [column for column in module_hours.c if column.name != "module_id"]
    return (
        select(log_modules.c.module, *columns)
        .join(module_hours)
        .where(log_modules.c.service_id == service, module_hours.c.hour >= first, module_hours.c.hour < last)
    )


def _errors(connection: Connection, service: int, first: int, last: int) -> list[ErrorGroup]:
    base = first - BASE_DAYS * 24
    counts: dict[int, Counter[int]] = {}
    hours = (
        select(error_hours)
        .join(error_groups)
        .where(error_groups.c.service_id == service, error_hours.c.hour >= base, error_hours.c.hour < last)
    )
    for row in connection.execute(hours):
        day = (row.hour - base) // 24 if row.hour < first else BASE_DAYS
        counts.setdefault(row.group_id, Counter())[day] += row.lines
    groups = select(error_groups).where(error_groups.c.service_id == service)
    return [
        _group(row, counts[row.id])
        for row in connection.execute(groups.order_by(error_groups.c.id))
        if row.id in counts
    ]


def _group(row: Any, counts: Counter[int]) -> ErrorGroup:
    same = ("fingerprint", "module", "name", "message", "frame", "first_seen", "last_seen", "first_release")
    more = ("last_release", "state", "resolved_at", "resolved_release", "assignee")
    return ErrorGroup(
        **{name: getattr(row, name) for name in (*same, *more)},
        exemplar=Exemplar(**json.loads(row.exemplar)),
        lines=counts[BASE_DAYS],
        daily=tuple(counts[day] for day in range(BASE_DAYS)),
    )


def _personal(connection: Connection, service: int, first: int, last: int) -> list[PersonalData]:
    hours = personal_data_hours.c
    query = (
        select(log_modules.c.module, hours.kind, func.sum(hours.lines))
        .join(personal_data_hours)
        .where(log_modules.c.service_id == service, hours.hour >= first, hours.hour < last)
        .group_by(log_modules.c.module, hours.kind)
        .order_by(log_modules.c.module, hours.kind)
    )
    return [PersonalData(module, kind, int(lines)) for module, kind, lines in connection.execute(query)]


def _security(connection: Connection, service: int, first: int, last: int) -> list[SecurityHour]:
    hours: dict[int, list[int]] = {hour: [0, 0] for hour in range(first, last)}
    for row in connection.execute(_module_hours(service, first, last)):
        hours[row.hour][0] += row.unauthorized
        hours[row.hour][1] += row.forbidden
    return [SecurityHour(_at(hour), *counts) for hour, counts in sorted(hours.items())]


def _security_daily(connection: Connection, service: int, first: int, oldest: int | None) -> tuple[int, ...]:
    """Whole days before the period, from the first that the log reaches back to."""
    days = 0 if oldest is None else min(BASE_DAYS, (first - oldest) // 24)
    base = first - days * 24
    counts: Counter[int] = Counter()
    if days > 0:
        for row in connection.execute(_module_hours(service, base, first)):
            counts[(row.hour - base) // 24] += row.unauthorized + row.forbidden
    return tuple(counts[day] for day in range(days))
