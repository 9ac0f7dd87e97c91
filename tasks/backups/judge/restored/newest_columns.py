"""Whether one table of a restored database stopped while others went on: column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from tasks.backups.facts import Drill, DrillVerdict, PastDrill
from tasks.backups.judge.restored.expected import brief
from tasks.backups.judge.restored.schema_differences import columns_of
from tasks.backups.limits import BackupLimits
from tasks.check_result import Limit, Message, Status, moment, msg

Times = dict[str, datetime]
"""The newest time of each column, `public.orders.created_at`."""

_DAY = timedelta(days=1)
_MOST_GROWTH = 3


@dataclass(frozen=True, slots=True)
class Stopped:
    """A column whose newest time is too old."""

    status: Status
    reason: Message
    lag: timedelta | None
    limit: Limit


def stopped_column(
    drill: Drill, restored: Times, others: Times, past: Sequence[PastDrill], limits: BackupLimits
) -> Stopped | None:
    """The column that is the farthest behind what is expected of it; None if none is."""
    behind = [found for name in (others or restored) if (found := _judged(name, drill, restored, others, past, limits))]
    return max(behind, key=lambda found: found.lag or timedelta.max, default=None)


def has_expectation(column: str, drill: Drill, others: Times, past: Sequence[PastDrill], limits: BackupLimits) -> bool:
    """Whether anything says how new the rows must be: without, a table that never grows is right for ever."""
    if others:
        return column in others and _written_until(others[column], drill, limits)
    return len(_usual(column, drill, past)) >= limits.min_compared


def _judged(
    column: str, drill: Drill, restored: Times, others: Times, past: Sequence[PastDrill], limits: BackupLimits
) -> Stopped | None:
    if not has_expectation(column, drill, others, past, limits):
        return None
    if others:
        return _by_others(column, drill, restored, others, limits)
    return _by_past(column, drill, restored[column], _usual(column, drill, past), limits)


def _by_others(column: str, drill: Drill, restored: Times, others: Times, limits: BackupLimits) -> Stopped | None:
    limit = Limit("≤", limits.max_lag_min, "min", msg("behind the newest row of the same column before the backup"))
    if column not in restored:
        if not _lost_all_times(column, drill):
            return None
        reason = msg(
            "{column} has no time in any restored row, but had {other} before the backup",
            column=brief(column),
            other=moment(others[column]),
        )
        return Stopped(Status.FAIL, reason, None, limit)
    lag = others[column] - restored[column]
    if lag <= timedelta(minutes=limits.max_lag_min) + (_DAY if _whole_day(others[column]) else timedelta()):
        return None
    reason = msg(
        "{column} ends at {newest}, but had {other} before the backup: this table is from another time than the others",
        column=brief(column),
        newest=moment(restored[column]),
        other=moment(others[column]),
    )
    return Stopped(Status.FAIL, reason, lag, limit)


def _by_past(
    column: str, drill: Drill, newest: datetime, usual: Sequence[timedelta], limits: BackupLimits
) -> Stopped | None:
    if drill.backup is None:
        return None
    lag = drill.backup.at - newest
    longest = max(usual)
    most = max(timedelta(hours=limits.max_still_h), longest * _MOST_GROWTH)
    if lag <= most:
        return None
    reason = msg(
        "{column} ends at {newest}, {hours} h before the backup; in earlier restore drills it was at most {usual} h: "
        "nothing is written to this table any more, or the backup has an old copy of it",
        column=brief(column),
        newest=moment(newest),
        hours=_hours(lag),
        usual=_hours(longest),
    )
    limit = Limit("≤", round(most.total_seconds() / 60), "min", msg("before the backup, by the earlier restore drills"))
    return Stopped(Status.WARN, reason, lag, limit)


def _usual(column: str, drill: Drill, past: Sequence[PastDrill]) -> list[timedelta]:
    """How long before the backup the column ended in earlier drills of other backups."""
    own = drill.backup.at if drill.backup else None
    return [
        max(one.backup_at - one.newest[column], timedelta())
        for one in past
        if one.verdict is DrillVerdict.PASSED and one.backup_at not in (None, own) and column in one.newest
    ]


def _written_until(at: datetime, drill: Drill, limits: BackupLimits) -> bool:
    """Whether a table was written to until shortly before the backup; a day of birth never is."""
    if drill.backup is None:
        return False
    grace = timedelta(hours=limits.max_still_h) + (_DAY if _whole_day(at) else timedelta())
    return drill.backup.at - at <= grace


def _whole_day(at: datetime) -> bool:
    return at.astimezone(UTC).time() == time()


def _lost_all_times(column: str, drill: Drill) -> bool:
    """Whether the restored table has rows and the column, as it had at the time of the backup."""
    copy, (name, _, own) = drill.contents, column.rpartition(".")
    if copy is None or own not in {line.split()[0].strip('"`[]') for line in columns_of(copy.schema, name)}:
        return False
    table = copy.table(name)
    return table is not None and table.rows > 0


def _hours(lag: timedelta) -> int:
    return round(lag.total_seconds() / 3600)
