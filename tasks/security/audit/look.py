"""Looks at the service's audit log: at the last days each night, at the week's events in the review."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from tasks.check_result import CheckResult, Message, msg
from tasks.deadline import Deadline
from tasks.observation import Absent, Unobserved
from tasks.periods import day_period
from tasks.round import Round
from tasks.section import nothing_seen
from tasks.security.audit.observe import Wanted, read_audit
from tasks.security.checks import AUDIT_CHECKS, AUTHENTICATION, PRIVILEGES
from tasks.security.facts.audit import AuditLines
from tasks.security.judge.audit import (
    SUBJECT,
    judge_authentication,
    judge_privileges,
    judge_retention,
    judge_written,
)
from tasks.security.settings import Audit, Security
from tasks.security.shown import shown

LONGEST_S: Final = 300.0
DAYS: Final = 7
_NOT_SET = Absent(msg("The service file names no audit log: set [security.audit] paths"))
_WEEK_CHECKS = (AUTHENTICATION, PRIVILEGES)


async def judge_audit_now(run: Round) -> tuple[CheckResult, ...]:
    """AUDIT and RETENTION: the last seven whole days, and how far the log reaches back."""
    security = run.settings.security or Security()
    audit = security.audit
    if audit is None:
        return nothing_seen(AUDIT_CHECKS, _NOT_SET, run.now(), SUBJECT).results
    if run.past is not None:
        return nothing_seen(AUDIT_CHECKS, run.past, run.now(), SUBJECT).results
    zone, now = run.settings.zone, run.now()
    first = day_period(now.astimezone(zone).date() - timedelta(days=DAYS), zone).start
    seen = await _read(run, audit, first, now)
    return (
        judge_written(seen, audit, security.limits, run.now()),
        judge_retention(seen, audit, zone, run.now()),
    )


async def judge_audit_week(run: Round) -> tuple[CheckResult, ...]:
    """AUTHENTICATION and PRIVILEGES of the period that the round is for, past or not: the log still has it."""
    security = run.settings.security or Security()
    audit = security.audit
    if audit is None:
        return nothing_seen(_WEEK_CHECKS, _NOT_SET, run.now(), SUBJECT).results
    seen = await _read(run, audit, run.period.start, run.period.end)
    return (
        judge_authentication(seen, audit, security.limits, run.now()),
        judge_privileges(seen, audit, security.limits, run.now()),
    )


async def _read(run: Round, audit: Audit, since: datetime, until: datetime) -> AuditLines | Unobserved:
    late = msg("Reading the audit log took more than {seconds} s", seconds=LONGEST_S)
    wanted = Wanted(run.settings.path.parent, audit, run.settings.zone, since, until)
    look = partial(asyncio.to_thread, read_audit.fn, wanted, run.now(), Deadline.after(LONGEST_S, late))
    return await shown("read-audit", look, _lines)


def _lines(seen: AuditLines) -> Message:
    return msg("{lines} lines in {files} files", lines=seen.dated, files=seen.files)
