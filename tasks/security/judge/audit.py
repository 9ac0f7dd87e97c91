"""Judges the audit log: that it is written and kept, and what of the week a person should look at."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.check_result import (
    Check,
    CheckResult,
    Evidence,
    Limit,
    Message,
    Quantity,
    Scalar,
    Status,
    Table,
    moment,
    msg,
)
from tasks.observation import Unobserved
from tasks.security.checks import AUDIT, AUTHENTICATION, PRIVILEGES, RETENTION
from tasks.security.facts.audit import AuditLines, Deed
from tasks.security.limits import SecurityLimits
from tasks.security.settings import Audit

SUBJECT = "audit-log"
_LIMITS = msg("[security.limits] of the service file")
_SETTINGS = msg("[security.audit] of the service file")
_NO_FILE = msg("There is no audit log: no file matches [security.audit] paths")
_NO_TIME = msg("No line of the audit log has a readable time: correct [security.audit] time")
_MOST_DAYS = 5


def judge_written(seen: AuditLines | Unobserved, audit: Audit, limits: SecurityLimits, now: datetime) -> CheckResult:
    """Whether it exists, and no day of the last ones is silent; today is not over and does not count."""
    limit = Limit("≤", limits.max_silent_days, "d", _LIMITS)
    if isinstance(seen, Unobserved):
        return AUDIT.judged(Status.UNKNOWN, SUBJECT, seen.reason, at=now, limit=limit)
    evidence = (_days_table(seen),)
    if not seen.files and not seen.problems:
        none = Quantity(len(seen.whole_days), "d")
        return AUDIT.judged(Status.FAIL, SUBJECT, _NO_FILE, at=now, observed=none, limit=limit)
    if seen.newest is None:
        nothing = seen.problems[0] if seen.problems else _NO_TIME
        return AUDIT.judged(Status.UNKNOWN, SUBJECT, nothing, at=now, limit=limit, evidence=evidence)
    if (none_over := _none_over(seen, audit)) is not None:
        return AUDIT.judged(Status.UNKNOWN, SUBJECT, none_over, at=now, limit=limit, evidence=evidence)
    silent = _silent(seen, audit)
    too_many, doubt = len(silent) > limits.max_silent_days, _doubt(seen, limits)
    if doubt is not None and (too_many or seen.problems):
        return AUDIT.judged(Status.UNKNOWN, SUBJECT, doubt, at=now, limit=limit, evidence=evidence)
    status = Status.FAIL if too_many else Status.WARN if doubt is not None else Status.PASS
    reason = _silence(silent) if too_many else doubt or _newest(seen.newest)
    observed = Quantity(len(silent), "d")
    return AUDIT.judged(status, SUBJECT, reason, at=now, observed=observed, limit=limit, evidence=evidence)


def judge_retention(seen: AuditLines | Unobserved, audit: Audit, zone: ZoneInfo, now: datetime) -> CheckResult:
    """Whether the oldest line is as old as it must be, and no days between are without a file."""
    today = now.astimezone(zone).date()
    since = max(today - timedelta(days=audit.retention_days), audit.since or date.min)
    limit = Limit("≥", max((today - since).days, 0), "d", _SETTINGS)
    if isinstance(seen, Unobserved):
        return RETENTION.judged(Status.UNKNOWN, SUBJECT, seen.reason, at=now, limit=limit)
    if since > today:
        ahead = msg("[security.audit] since is {day}, in the future: correct it", day=f"{since}")
        return RETENTION.judged(Status.UNKNOWN, SUBJECT, ahead, at=now, limit=limit)
    unread = (*seen.problems, *seen.old_problems)
    if seen.oldest is None:
        reason = unread[0] if unread else _NO_TIME if seen.files else _NO_FILE
        return RETENTION.judged(Status.UNKNOWN, SUBJECT, reason, at=now, limit=limit)
    oldest = seen.oldest.astimezone(zone).date()
    reached = Quantity(max((today - oldest).days, 0), "d")
    missing = [hole for hole in seen.holes if hole.last >= since]
    if (oldest > since or missing) and unread:
        return RETENTION.judged(Status.UNKNOWN, SUBJECT, unread[0], at=now, limit=limit)
    if oldest > since:
        reason = msg("The oldest line is from {day}; it must reach back to {since}", day=f"{oldest}", since=f"{since}")
        return RETENTION.judged(Status.FAIL, SUBJECT, reason, at=now, observed=reached, limit=limit)
    if missing:
        days = sum((hole.last - max(hole.first, since)).days + 1 for hole in missing)
        reason = msg("No file covers {days} days, the first of them {day}", days=days, day=f"{missing[0].first}")
        return RETENTION.judged(Status.WARN, SUBJECT, reason, at=now, observed=reached, limit=limit)
    reason = msg("The oldest line is from {day}", day=f"{oldest}")
    return RETENTION.judged(Status.PASS, SUBJECT, reason, at=now, observed=reached, limit=limit)


def judge_authentication(
    seen: AuditLines | Unobserved, audit: Audit, limits: SecurityLimits, now: datetime
) -> CheckResult:
    """Failed logins of the week; more than the limit may be somebody who tries passwords."""
    most = limits.max_authentication_failures
    return _judge_deed(AUTHENTICATION, Deed.FAILURE, seen, audit, limits, most, Status.FAIL, now)


def judge_privileges(seen: AuditLines | Unobserved, audit: Audit, limits: SecurityLimits, now: datetime) -> CheckResult:
    """Changes of privileges of the week: a person must know each of them."""
    most = limits.max_privilege_changes
    return _judge_deed(PRIVILEGES, Deed.PRIVILEGE, seen, audit, limits, most, Status.WARN, now)


def _judge_deed(
    check: Check,
    deed: Deed,
    seen: AuditLines | Unobserved,
    audit: Audit,
    limits: SecurityLimits,
    most: int,
    beyond: Status,
    now: datetime,
) -> CheckResult:
    limit = Limit("≤", most, "", _LIMITS)
    if isinstance(seen, Unobserved):
        return check.judged(Status.UNKNOWN, SUBJECT, seen.reason, at=now, limit=limit)
    count = sum(event.lines for event in seen.events if event.deed is deed)
    evidence = (*_events_table(seen, deed), _days_table(seen))
    # What was counted is the least that there was: a doubt takes nothing back from too many.
    doubt = _week_doubt(seen, audit, limits) if count <= most else None
    if doubt is not None:
        return check.judged(Status.UNKNOWN, SUBJECT, doubt, at=now, limit=limit, evidence=evidence)
    reason = msg("{count} of {lines} lines in {days} days", count=count, lines=seen.dated, days=len(seen.whole_days))
    status = beyond if count > most else Status.PASS
    return check.judged(status, SUBJECT, reason, at=now, observed=Quantity(count), limit=limit, evidence=evidence)


def _week_doubt(seen: AuditLines, audit: Audit, limits: SecurityLimits) -> Message | None:
    """Why the week's lines are not all known."""
    if not seen.files and not seen.problems:
        return _NO_FILE
    if not seen.whole_days:
        return msg("No day of the week is over")
    if (nothing := _none_over(seen, audit)) is not None:
        return nothing
    if (doubt := _doubt(seen, limits)) is not None:
        return doubt
    if silent := _silent(seen, audit):
        return _silence(silent)
    # A release that renames the field would hide every event from then on.
    if day := next((day for day in sorted(seen.days) if not seen.with_event.get(day)), None):
        return msg(
            "No line of {day} has the field {field}: correct [security.audit] event", day=f"{day}", field=audit.event
        )
    return None


def _doubt(seen: AuditLines, limits: SecurityLimits) -> Message | None:
    """Why lines may be missing, or be of other days."""
    if seen.problems:
        return seen.problems[0]
    if seen.unreadable_share > limits.max_unreadable_audit_share:
        return msg(
            "{undated} lines have no readable time and {unread} are not JSON objects: correct [security.audit]",
            undated=seen.undated,
            unread=seen.unread,
        )
    return None


def _none_over(seen: AuditLines, audit: Audit) -> Message | None:
    """Why no day counts: the log began after all of them."""
    if audit.since is None or any(day >= audit.since for day in seen.whole_days):
        return None
    return msg("No day since [security.audit] since, {day}, is over", day=f"{audit.since}")


def _silent(seen: AuditLines, audit: Audit) -> list[date]:
    return [day for day in seen.whole_days if not seen.days.get(day) and (audit.since is None or day >= audit.since)]


def _silence(silent: Sequence[date]) -> Message:
    shown = ", ".join(f"{day}" for day in silent[:_MOST_DAYS]) + (", …" if len(silent) > _MOST_DAYS else "")
    return msg("No line on {days}", days=shown)


def _newest(newest: datetime) -> Message:
    return msg("The newest line is from {at}", at=moment(newest))


def _days_table(seen: AuditLines) -> Table:
    rows: list[tuple[Scalar | Message, ...]] = [(f"{day}", seen.days.get(day, 0)) for day in seen.whole_days]
    rows += [(msg("without a readable time"), seen.undated), (msg("not a JSON object"), seen.unread)]
    return Table(msg("Lines of the audit log"), (msg("Day"), msg("Lines")), tuple(rows))


def _events_table(seen: AuditLines, deed: Deed) -> tuple[Evidence, ...]:
    rows = tuple((f"{event.day}", event.event, event.lines) for event in seen.events if event.deed is deed)
    return (Table(msg("Events by day"), (msg("Day"), msg("Event"), msg("Lines")), rows),) if rows else ()
