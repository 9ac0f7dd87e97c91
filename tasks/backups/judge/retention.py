"""Whether there is a backup for every interval of the time that they are kept for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tasks.backups.checks import RETENTION
from tasks.backups.facts import Backup
from tasks.backups.judge.files import SETTINGS, ahead, mb, nothing
from tasks.backups.limits import CLOCK_AHEAD, MOST_BETWEEN
from tasks.backups.settings import BackedUp
from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Status, Table, moment, msg
from tasks.observation import Unobserved, printable
from tasks.periods import day_period

_MOST_ROWS = 40
_MOST_NAMED = 10
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Backups, newest first, and what is asked of them."""

    backups: Sequence[Backup]
    target: BackedUp
    zone: ZoneInfo
    now: datetime

    @property
    def between(self) -> timedelta:
        """The longest that two of them may be apart."""
        return timedelta(hours=self.target.every_h * MOST_BETWEEN)

    @property
    def edges(self) -> list[datetime]:
        """Their times, oldest first, and now."""
        return [*sorted(backup.at for backup in self.backups), self.now]

    def day(self, at: datetime) -> date:
        """The service's day of an instant."""
        return at.astimezone(self.zone).date()


def judge_retention(
    subject: str, backups: Sequence[Backup] | Unobserved, target: BackedUp, zone: ZoneInfo, now: datetime
) -> CheckResult:
    """Gaps in the last `keep_days` days: of days where one is made at least daily, else between two backups."""
    limit = Limit("≥", target.keep_days, "d", SETTINGS)
    if isinstance(backups, Unobserved):
        return RETENTION.judged(Status.UNKNOWN, subject, backups.reason, at=now, limit=limit)
    if not backups:
        none = Quantity(0, "d")
        return RETENTION.judged(Status.FAIL, subject, nothing(target), at=now, observed=none, limit=limit)
    non_empty = [backup for backup in backups if backup.bytes > 0]  # pg_dump leaves an empty file when it is refused
    if not non_empty:
        none = Quantity(0, "d")
        return RETENTION.judged(Status.FAIL, subject, msg("All backups are empty"), at=now, observed=none, limit=limit)
    past = [backup for backup in non_empty if backup.at - now <= CLOCK_AHEAD]
    if not past:
        reason = ahead(non_empty[0].path.name, non_empty[0].at)
        return RETENTION.judged(Status.UNKNOWN, subject, reason, at=now, limit=limit)
    kept = _Kept(past, target, zone, now)
    return _by_day(subject, kept) if timedelta(hours=target.every_h) <= _DAY else _by_interval(subject, kept)


def _by_day(subject: str, kept: _Kept) -> CheckResult:
    days = _window(kept)
    oldest = kept.day(kept.edges[0])
    reached = [day for day in days if day >= oldest]
    gaps = [day for day in reached if _is_gap(day, kept)]
    if gaps:
        status, reason = Status.FAIL, _named(gaps)
    elif len(reached) < len(days):
        status, reason = Status.WARN, _short(kept)
    else:
        status, reason = Status.PASS, msg("There is a backup of each of the last {n} days", n=len(days))
    observed, limit = Quantity(len(reached) - len(gaps), "d"), Limit("≥", len(days), "d", SETTINGS)
    evidence = (_days(days, kept),)
    return RETENTION.judged(status, subject, reason, at=kept.now, observed=observed, limit=limit, evidence=evidence)


def _window(kept: _Kept) -> list[date]:
    """The days that are asked for, newest first: today only if its backup is there already."""
    today = kept.day(kept.now)
    last = today if any(kept.day(backup.at) >= today for backup in kept.backups) else today - _DAY
    return [last - n * _DAY for n in range(kept.target.keep_days)]


def _is_gap(day: date, kept: _Kept) -> bool:
    """A day without a backup, unless those around it are near: one made around midnight misses a day now and then."""
    period = day_period(day, kept.zone)
    if any(kept.day(backup.at) == day for backup in kept.backups):
        return False
    before = max(at for at in kept.edges if at < period.start)
    after = min((at for at in kept.edges if at >= period.end), default=kept.now)
    return after - before > kept.between


def _by_interval(subject: str, kept: _Kept) -> CheckResult:
    begins = kept.now - kept.target.keep_days * _DAY
    apart = [(start, end) for start, end in pairwise(kept.edges) if end > begins]
    gaps = [(start, end) for start, end in apart if end - start > kept.between]
    limit = Limit("≤", kept.target.every_h * MOST_BETWEEN, "h", SETTINGS)
    observed = Quantity(round(max(end - start for start, end in apart) / _HOUR, 3), "h")
    if gaps:
        start, end = gaps[-1]
        reason = msg("Backups are too far apart {n} times, most recently between {start} and {end}", n=len(gaps),
                     start=moment(start), end=moment(end))  # fmt: skip
        status = Status.FAIL
    elif kept.edges[0] - begins > kept.between:
        status, reason = Status.WARN, _short(kept)
        observed = Quantity(round((kept.now - kept.edges[0]) / _DAY, 1), "d")
        limit = Limit("≥", kept.target.keep_days, "d", SETTINGS)
    else:
        status, reason = Status.PASS, msg("Backups cover the last {n} days", n=kept.target.keep_days)
    evidence = (_each(kept),)
    return RETENTION.judged(status, subject, reason, at=kept.now, observed=observed, limit=limit, evidence=evidence)


def _named(gaps: Sequence[date]) -> Message:
    """Newest first, as the days are."""
    dates = ", ".join(day.isoformat() for day in gaps[:_MOST_NAMED])
    if len(gaps) <= _MOST_NAMED:
        return msg("No backup on {dates}", dates=dates)
    return msg("No backup on {dates} and on {n} more", dates=dates, n=len(gaps) - _MOST_NAMED)


def _short(kept: _Kept) -> Message:
    oldest = kept.day(kept.edges[0]).isoformat()
    return msg("Backups reach back only to {date}; {n} days are required", date=oldest, n=kept.target.keep_days)


def _days(days: Sequence[date], kept: _Kept) -> Evidence:
    sizes: dict[date, list[int]] = {}
    for backup in kept.backups:
        sizes.setdefault(kept.day(backup.at), []).append(backup.bytes)
    rows = tuple((day.isoformat(), len(sizes.get(day, ())), mb(sum(sizes.get(day, ())))) for day in days[:_MOST_ROWS])
    columns = (msg("Day ({zone})", zone=kept.zone.key), msg("Backups"), msg("Size, MB"))
    return Table(msg("Backups by day"), columns, rows)


def _each(kept: _Kept) -> Evidence:
    newest_first = sorted(kept.backups, key=lambda backup: backup.at, reverse=True)[:_MOST_ROWS]
    rows = tuple((moment(backup.at), printable(backup.path.name), mb(backup.bytes)) for backup in newest_first)
    return Table(msg("Stored backups"), (msg("Started at"), msg("Backup"), msg("Size, MB")), rows)
