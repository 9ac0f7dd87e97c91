"""Whether a restored database has data up to the time at which its backup was made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.backups.checks import NEWEST_ROW
from tasks.backups.facts import Contents, Drill, PastDrill
from tasks.backups.judge.restored.expected import BY_RECORD, bounded, brief, of_its_snapshot, recorded, running
from tasks.backups.judge.restored.newest_columns import Times, has_expectation, stopped_column
from tasks.backups.limits import BackupLimits
from tasks.backups.reasons import NO_LIVE, not_reached
from tasks.check_result import CheckResult, Limit, Message, Quantity, Scalar, Status, Table, moment, msg
from tasks.observation import Unobserved


@dataclass(frozen=True, slots=True)
class _Found:
    status: Status
    reason: Message
    lag: timedelta | None
    limit: Limit


def judge_newest_row(
    subject: str, drill: Drill, limits: BackupLimits, rpo_h: float, now: datetime, past: Sequence[PastDrill] = ()
) -> CheckResult:
    """The newest row restored: the one recorded, and hardly older than the live one of the time of the backup.

    So is that of each column that was written until shortly before it, by the live rows; without any, by `past`, the
    earlier drills.
    """
    if drill.contents is None:
        return NEWEST_ROW.judged(Status.UNKNOWN, subject, not_reached(drill), at=now)
    restored, before, today = _times(drill.contents), _times(recorded(drill)), _times(running(drill))
    if not restored and not before and not today:
        reason = msg("No date or time column has a value: the age of the newest row is unknown")
        return NEWEST_ROW.judged(Status.UNKNOWN, subject, reason, at=now)
    snapshot = before if of_its_snapshot(drill) else {}
    # A lagging standby's own manifest agrees with its dump: only the live rows reveal the lag.
    others = today or ({} if snapshot else before)
    found = _against_record(restored, snapshot) or (
        _against_others(restored, others, limits) if others else _against_time(restored, drill, rpo_h)
    )
    if found.status is Status.PASS and (still := stopped_column(drill, restored, others, past, limits)):
        found = _Found(still.status, still.reason, still.lag, still.limit)
    observed = None
    if found.status.measured:
        observed = Quantity(msg("no time")) if found.lag is None else Quantity(_minutes(found.lag), "min")
    if found.status is Status.PASS and isinstance(drill.live, Unobserved) and drill.live.reason != NO_LIVE:
        # Only the live database reveals a lagging standby, and it should have been read.
        return NEWEST_ROW.judged(Status.UNKNOWN, subject, drill.live.reason, at=now, limit=found.limit)
    evidence = (_evidence(restored, before, today), *_not_judged(drill, restored, others, past, limits))
    return NEWEST_ROW.judged(
        found.status, subject, found.reason, at=now, observed=observed, limit=found.limit, evidence=evidence
    )


def _times(contents: Contents | None) -> Times:
    tables = contents.tables if contents else ()
    return {f"{table.name}.{column}": at for table in tables for column, at in table.newest}


def _against_record(restored: Times, snapshot: Times) -> _Found | None:
    """Any column that is not as it was in the snapshot backed up: one without a time, else the farthest off."""
    limit = Limit("=", 0, "min", BY_RECORD)
    for column, at in snapshot.items():
        if column not in restored:
            reason = msg(
                "{column} has no time, but the manifest records {recorded}",
                column=brief(column),
                recorded=moment(at),
            )
            return _Found(Status.FAIL, reason, None, limit)
    off = {column: abs(at - restored[column]) for column, at in snapshot.items() if at != restored[column]}
    if not off:
        return None
    column = max(off, key=lambda name: off[name])
    reason = msg(
        "The newest time in {column} is {restored}, but the manifest records {recorded}",
        column=brief(column),
        restored=moment(restored[column]),
        recorded=moment(snapshot[column]),
    )
    return _Found(Status.FAIL, reason, off[column], limit)


def _against_others(restored: Times, others: Times, limits: BackupLimits) -> _Found:
    limit = Limit("≤", limits.max_lag_min, "min", msg("behind the newest row before the backup"))
    column = max(others, key=lambda name: others[name])
    there: dict[str, Scalar] = {"column": brief(column), "other": moment(others[column])}
    if not restored:
        reason = msg("No restored row has a time, though {column} had {other} before the backup", **there)
        return _Found(Status.FAIL, reason, None, limit)
    newest = max(restored.values())
    lag = max(timedelta(), others[column] - newest)
    if lag > timedelta(minutes=limits.max_lag_min):
        reason = msg(
            "The newest row is from {newest}, though {column} had {other} before the backup: the dump is of "
            "a lagging standby or an old copy",
            newest=moment(newest),
            **there,
        )
        return _Found(Status.FAIL, reason, lag, limit)
    reason = msg(
        "The newest row is from {newest}; before the backup, {column} had {other}",
        newest=moment(newest),
        **there,
    )
    return _Found(Status.PASS, reason, lag, limit)


def _against_time(restored: Times, drill: Drill, rpo_h: float) -> _Found:
    limit = Limit("≤", rpo_h * 60, "min", msg("rpo_h before the time of the backup"))
    if drill.backup is None:
        return _Found(Status.UNKNOWN, msg("The time of the backup is unknown"), None, limit)
    newest = max(restored.values())
    lag = max(timedelta(), drill.backup.at - newest)
    times: dict[str, Scalar] = {"newest": moment(newest), "at": moment(drill.backup.at), "hours": rpo_h}
    if lag > timedelta(hours=rpo_h):
        reason = msg(
            "The newest row is from {newest}, more than {hours} h before the backup of {at}: the dump is of "
            "an old copy, or nothing was written; set live to find out which",
            **times,
        )
        return _Found(Status.FAIL, reason, lag, limit)
    reason = msg(
        "The newest row is from {newest}, within {hours} h of the backup of {at}; it was not compared with a "
        "live database",
        **times,
    )
    return _Found(Status.PASS, reason, lag, limit)


def _not_judged(
    drill: Drill, restored: Times, others: Times, past: Sequence[PastDrill], limits: BackupLimits
) -> tuple[Table, ...]:
    names = sorted(column for column in restored if not has_expectation(column, drill, others, past, limits))
    if not names:
        return ()
    title = msg("Columns without an expected newest time, not judged")
    return (bounded(title, (msg("Column"), msg("Restored")), ((brief(n), moment(restored[n])) for n in names)),)


def _minutes(lag: timedelta) -> float:
    return round(lag.total_seconds() / 60, 3)


def _evidence(restored: Times, before: Times, today: Times) -> Table:
    columns = (msg("Column"), msg("Restored"), msg("Recorded in the manifest"), msg("Live"))
    every = {**today, **before, **restored}
    rows = (
        (brief(name), *(moment(times[name]) if name in times else "–" for times in (restored, before, today)))
        for name in sorted(every, key=lambda name: every[name], reverse=True)
    )
    return bounded(msg("Newest time by column"), columns, rows)
