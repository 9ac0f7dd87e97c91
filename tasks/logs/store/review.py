"""Reads the log lines of a period from the history."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.logs.count.batch import MOST_SAMPLES, Exemplar, Lines
from tasks.logs.count.wording import VARIES
from tasks.logs.facts import (
    Damage,
    DamagedFile,
    ErrorGroup,
    HourCounts,
    LogReview,
    ModuleLines,
    PersonalData,
    SecurityHour,
    SourceHour,
    SourceLines,
)
from tasks.logs.judge.usual import WEEK, days_before, usual_count, usual_hour
from tasks.logs.tables import (
    error_groups,
    error_hours,
    log_fields,
    log_files,
    log_hours,
    log_levels,
    log_modules,
    log_sources,
    malformed_lines,
    module_hours,
    personal_data_hours,
    traffic_hours,
    traffic_minutes,
    traffic_series,
)

BASE_DAYS = 28
"""Errors are compared with four weeks: each weekday four times."""
_AHEAD_HOURS = 48
"""A wrong time zone is off by up to 26 hours; a line from further ahead is a broken time, and no clock's."""


@dataclass(frozen=True, slots=True)
class _Period:
    """Whole hours since 1970 from `first` to before `last`; `logged` are the days before with any log.

    `oldest` is the first hour with a line that was read.
    """

    service: int
    first: int
    last: int
    oldest: int | None
    logged: tuple[int, ...]

    def day(self, hour: int) -> int:
        """Which of the 28 days before the period an hour belongs to, the oldest being 0; 28 is the period."""
        return min(BASE_DAYS, BASE_DAYS + (hour - self.first) // 24)


def read_review(history: History, service: str, sources: Sequence[str], since: datetime, until: datetime) -> LogReview:
    """The log lines from `since` until `until`; both are taken at whole hours, `until` at the next one."""
    first, last = _hour(since), -(-int(until.timestamp()) // 3600)
    with reading(history) as connection:
        key = connection.execute(select(services.c.id).where(services.c.name == service)).scalar()
        period = _period(connection, -1 if key is None else key, first, last)
        return LogReview(
            since=_at(first),
            until=until,
            warm_days=len(period.logged),
            sources=tuple(_sources(connection, period, sources, until)),
            modules=tuple(_modules(connection, period)),
            errors=tuple(_errors(connection, period)),
            personal=tuple(_personal(connection, period)),
            security=tuple(_security(connection, period)),
            security_daily=_security_daily(connection, period),
        )


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600


def _at(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)


def _period(connection: Connection, service: int, first: int, last: int) -> _Period:
    base = first - BASE_DAYS * 24
    mine = select(log_hours.c.hour).join(log_sources).where(log_sources.c.service_id == service, log_hours.c.parsed > 0)
    before = mine.where(log_hours.c.hour >= base, log_hours.c.hour < first)
    hours = sorted(set(connection.execute(before).scalars()))
    # The day on which the log begins is no whole one, and its counts are too low.
    whole = (first - hours[0]) // 24 if hours else 0
    oldest = connection.execute(mine.order_by(log_hours.c.hour).limit(1)).scalar()
    period = _Period(service, first, last, oldest, ())
    logged = sorted({period.day(hour) for hour in hours} & set(range(BASE_DAYS - whole, BASE_DAYS)))
    return _Period(service, first, last, oldest, tuple(logged))


def _sources(connection: Connection, period: _Period, names: Sequence[str], until: datetime) -> list[SourceLines]:
    mine = select(log_sources).where(log_sources.c.service_id == period.service)
    known = {row.name: row for row in connection.execute(mine)}
    return [
        _source(connection, period, known[name], until)
        if name in known
        else SourceLines(name, Lines(), (), {}, None, 60, 0, (), (), False)
        for name in names
    ]


def _source(connection: Connection, period: _Period, row: Any, until: datetime) -> SourceLines:
    hours = log_hours.c
    mine = select(log_hours).where(hours.source_id == row.id)
    span = mine.where(hours.hour >= period.first - WEEK * 24 - 1, hours.hour < period.last + _AHEAD_HOURS)
    by_hour = {found.hour: found for found in connection.execute(span)}
    whole = [found for hour, found in by_hour.items() if period.first <= hour < period.last]
    newest, step_min = _newest(whole, row.newest_minute)
    began = select(func.min(hours.hour)).where(hours.source_id == row.id, hours.parsed > 0)
    samples = select(malformed_lines.c.text).where(
        malformed_lines.c.source_id == row.id, malformed_lines.c.seen_at >= _at(period.first)
    )
    damaged = select(log_files.c.path, log_files.c.problem).where(
        log_files.c.source_id == row.id, log_files.c.problem != "", log_files.c.seen_at >= _at(period.first)
    )
    return SourceLines(
        row.name,
        Lines(*(sum(int(getattr(found, name) or 0) for found in whole) for name in Lines.__slots__)),
        hours=tuple(_source_hours(by_hour, connection.execute(began).scalar(), period.first, _hour(until))),
        fields=_fields(connection, period, row.id),
        newest=newest,
        newest_step_min=step_min,
        ahead=sum(int(found.parsed) for hour, found in by_hour.items() if hour >= period.last),
        samples=tuple(connection.execute(samples.order_by(malformed_lines.c.id.desc()).limit(MOST_SAMPLES)).scalars()),
        damaged=tuple(DamagedFile(f.path, Damage(f.problem)) for f in connection.execute(damaged)),
        synthetic=row.synthetic,
        odd_levels=_odd_levels(connection, period, row.id),
        bad=None if any(found.bad is None for found in whole) else sum(int(found.bad) for found in whole),
    )


def _odd_levels(connection: Connection, period: _Period, source: int) -> dict[str, int]:
    c = log_levels.c
    mine = select(c.level, func.sum(c.lines)).where(c.source_id == source, c.hour >= period.first, c.hour < period.last)
    found = connection.execute(mine.group_by(c.level))
    return {level: int(lines) for level, lines in found}


def _fields(connection: Connection, period: _Period, source: int) -> dict[datetime, dict[str, int]]:
    fields: dict[datetime, dict[str, int]] = defaultdict(dict)
    c = log_fields.c
    week = select(log_fields).where(c.source_id == source, c.hour >= period.first - WEEK * 24)
    for row in connection.execute(week.where(c.hour < period.last)):
        fields[_at(row.hour)][row.field] = int(row.lines)
    return dict(fields)


def _newest(hours: Sequence[Any], newest_minute: int) -> tuple[datetime | None, int]:
    """The time of the newest line of these hours, and to how many minutes it is known.

    The minute that is kept is that of the newest line of all: of another day, or of a line with a wrong time, it says
    nothing. Then the beginning of the hour is what is sure.
    """
    dated = [row.hour for row in hours if row.lines - row.malformed - row.undated > 0]
    if not dated:
        return None, 60
    hour = max(dated)
    return (_at(hour), 60) if newest_minute // 60 != hour else (datetime.fromtimestamp(newest_minute * 60, UTC), 1)


def _source_hours(by_hour: Mapping[int, Any], began: int | None, first: int, end: int) -> list[SourceHour]:
    """The whole hours from `first` to before `end`."""
    columns = [
        {hour: int(getattr(row, name)) for hour, row in by_hour.items()} for name in ("parsed", "requests", "timed")
    ]
    dated = {hour: max(0, int(row.parsed - row.undated)) for hour, row in by_hour.items()}
    columns.insert(1, dated)
    found = []
    for hour in range(first, end):
        days = 0 if began is None else days_before(hour, began)
        usual = [usual_hour(column, hour, days) or 0.0 for column in columns] if days == WEEK else None
        counts = HourCounts(*(column.get(hour, 0) for column in columns))
        found.append(SourceHour(_at(hour), counts, None if usual is None else HourCounts(*usual)))
    return found


def _modules(connection: Connection, period: _Period) -> list[ModuleLines]:
    first, last = period.first, period.last
    names = select(log_modules.c.module).where(log_modules.c.service_id == period.service)
    lines: dict[str, dict[int, Any]] = {module: {} for module in connection.execute(names).scalars()}
    for row in connection.execute(_module_hours(period.service, first - WEEK * 24 - 1, last)):
        lines[row.module][row.hour] = row
    requests = defaultdict[str, Counter[str]](Counter)
    for table in (traffic_minutes, traffic_hours):
        counts = (
            select(traffic_series.c.module, func.sum(table.c.valid), func.sum(table.c.bad))
            .join(table)
            .where(traffic_series.c.service_id == period.service)
            .where(table.c.minute >= first * 60, table.c.minute < last * 60)
            .group_by(traffic_series.c.module)
        )
        for module, valid, bad in connection.execute(counts):
            requests[module].update(valid=int(valid), bad=int(bad))
    return [_module(module, by_hour, requests[module], period) for module, by_hour in sorted(lines.items())]


def _module(module: str, hours: Mapping[int, Any], requests: Mapping[str, int], period: _Period) -> ModuleLines:
    # Just after the full hour the current one has few lines: the one before counts too, and is compared.
    running, before = period.last - 1, period.last - 2
    days = 0 if period.oldest is None else days_before(before, period.oldest)
    lines = {hour: int(row.lines) for hour, row in hours.items()}
    daily: Counter[int] = Counter()
    for hour, count in lines.items():
        if hour < period.first:
            daily[BASE_DAYS - 1 - period.day(hour)] += count
    mine = [row for hour, row in hours.items() if hour >= period.first]
    return ModuleLines(
        module=module,
        lines=sum(int(row.lines) for row in mine),
        errors=sum(int(row.errors) for row in mine),
        warnings=sum(int(row.warnings) for row in mine),
        valid=requests["valid"],
        bad=requests["bad"],
        recent_lines=lines.get(running, 0) + lines.get(before, 0),
        usual_lines=usual_hour(lines, before, days),
        usual_day_lines=usual_count([daily[day] for day in range(days)]),
        days=days,
    )


def _module_hours(service: int, first: int, last: int) -> Select[Any]:
    columns = [column for column in module_hours.c if column.name != "module_id"]
    return (
        select(log_modules.c.module, *columns)
        .join(module_hours)
        .where(log_modules.c.service_id == service, module_hours.c.hour >= first, module_hours.c.hour < last)
    )


def _errors(connection: Connection, period: _Period) -> list[ErrorGroup]:
    hours: dict[int, dict[int, Any]] = defaultdict(dict)
    base = period.first - BASE_DAYS * 24
    seen = (
        select(error_hours)
        .join(error_groups)
        .where(
            error_groups.c.service_id == period.service, error_hours.c.hour >= base, error_hours.c.hour < period.last
        )
    )
    for row in connection.execute(seen):
        hours[row.group_id][row.hour] = row
    groups = select(error_groups).where(error_groups.c.service_id == period.service).order_by(error_groups.c.id)
    return [_group(row, hours[row.id], period) for row in connection.execute(groups) if row.id in hours]


def _group(row: Any, hours: Mapping[int, Any], period: _Period) -> ErrorGroup:
    same = ("fingerprint", "module", "name", "message", "frame", "first_seen", "last_seen", "first_release")
    more = ("last_release", "state", "resolved_at", "resolved_release", "assignee")
    days, unseen = Counter[int](), Counter[int]()
    for hour, counted in hours.items():
        days[period.day(hour)] += int(counted.lines)
        unseen[period.day(hour)] += int(counted.unseen or 0)
    mine = {hour: counted for hour, counted in hours.items() if hour >= period.first}
    fixed = None if row.resolved_at is None else row.resolved_at.timestamp()
    since_fix = [int(n.lines) for hour, n in mine.items() if fixed is not None and hour * 3600 >= fixed]
    uncounted = row.message == VARIES and any(counted.unseen is None for counted in mine.values())
    return ErrorGroup(
        **{name: getattr(row, name) for name in (*same, *more)},
        exemplar=Exemplar(**json.loads(row.exemplar)),
        lines=days[BASE_DAYS],
        lines_since_fix=sum(since_fix),
        daily=tuple(days[day] for day in period.logged),
        unseen=None if uncounted else unseen[BASE_DAYS],
        daily_unseen=tuple(unseen[day] for day in period.logged),
    )


def _personal(connection: Connection, period: _Period) -> list[PersonalData]:
    hours = personal_data_hours.c
    query = (
        select(log_modules.c.module, hours.kind, func.sum(hours.lines))
        .join(personal_data_hours)
        .where(log_modules.c.service_id == period.service)
        .where(hours.hour >= period.first, hours.hour < period.last)
        .group_by(log_modules.c.module, hours.kind)
        .order_by(log_modules.c.module, hours.kind)
    )
    return [PersonalData(module, kind, int(lines)) for module, kind, lines in connection.execute(query)]


def _security(connection: Connection, period: _Period) -> list[SecurityHour]:
    hours: dict[int, list[int]] = {hour: [0, 0] for hour in range(period.first, period.last)}
    for row in connection.execute(_module_hours(period.service, period.first, period.last)):
        hours[row.hour][0] += int(row.unauthorized)
        hours[row.hour][1] += int(row.forbidden)
    return [SecurityHour(_at(hour), *counts) for hour, counts in sorted(hours.items())]


def _security_daily(connection: Connection, period: _Period) -> tuple[int, ...]:
    counts: Counter[int] = Counter()
    for row in connection.execute(_module_hours(period.service, period.first - BASE_DAYS * 24, period.first)):
        counts[period.day(row.hour)] += int(row.unauthorized) + int(row.forbidden)
    return tuple(counts[day] for day in period.logged)
