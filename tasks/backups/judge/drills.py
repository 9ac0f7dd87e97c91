"""Whether a restore drill found a backup right lately."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from math import ceil, floor

from tasks.backups.checks import CONTAINER, CONTENT, DECODE, DRILL, MANIFEST, RESTORE
from tasks.backups.facts import Drill, DrillStep, DrillVerdict, PastDrill, StepOutcome
from tasks.backups.limits import CLOCK_AHEAD, BackupLimits
from tasks.check_result import (
    CheckResult,
    Evidence,
    Ladder,
    LadderStep,
    Limit,
    Message,
    Quantity,
    Status,
    Table,
    moment,
    msg,
)
from tasks.observation import printable

_MOST_ROWS = 10
_DAY = timedelta(days=1)
_STEPS = {
    MANIFEST.id: DrillStep.MANIFEST,
    CONTAINER.id: DrillStep.CONTAINER,
    DECODE.id: DrillStep.DECODE,
    RESTORE.id: DrillStep.RESTORE,
}
_WEEKLY = msg("the guide's weekly backup verification, plus a day of grace")
_WORDS = {
    DrillVerdict.PASSED: msg("passed"),
    DrillVerdict.FAILED: msg("failed"),
    DrillVerdict.ERROR: msg("no verdict"),
}


def judge_drill(
    subject: str,
    drill: Drill | None,
    verdict: DrillVerdict | None,
    ladder: Sequence[CheckResult],
    past: Sequence[PastDrill],
    limits: BackupLimits,
    now: datetime,
) -> CheckResult:
    """Whether a restore found a backup right lately; an error of today's leaves the last verdict as it was."""
    found = _judged(verdict, ladder, _Record.of(past), limits, now)
    evidence = ((_stairs(drill, ladder),) if drill is not None and ladder else ()) + ((_past(past),) if past else ())
    limit = Limit("≤", limits.max_drill_age_days, "d", _WEEKLY)
    observed = found.observed if found.status.measured else None
    return DRILL.judged(found.status, subject, found.reason, at=now, observed=observed, limit=limit, evidence=evidence)


@dataclass(frozen=True, slots=True)
class _Record:
    """The past: the last drill with a verdict, the last passed one, and how many since had none."""

    last: PastDrill | None
    good: PastDrill | None
    errors: int

    @classmethod
    def of(cls, past: Sequence[PastDrill]) -> "_Record":
        newest_first = sorted(past, key=lambda one: one.at, reverse=True)
        errors = sum(1 for _ in takewhile(lambda one: one.verdict is DrillVerdict.ERROR, newest_first))
        good = next((one for one in newest_first if one.verdict is DrillVerdict.PASSED), None)
        return cls(newest_first[errors] if errors < len(newest_first) else None, good, errors)

    def days(self, now: datetime, limits: BackupLimits) -> Quantity:
        """Since the last passed drill; never rounded to the other side of the limit."""
        if self.good is None:
            return Quantity(msg("no passed drill"))
        days = max((now - self.good.at) / _DAY, 0)
        rounded = ceil if days > limits.max_drill_age_days else floor
        return Quantity(rounded(days * 10) / 10, "d")


@dataclass(frozen=True, slots=True)
class _DrillJudgement:
    status: Status
    reason: Message
    observed: Quantity


def _judged(
    verdict: DrillVerdict | None, ladder: Sequence[CheckResult], record: _Record, limits: BackupLimits, now: datetime
) -> _DrillJudgement:
    observed = record.days(now, limits)
    if verdict is DrillVerdict.PASSED:
        return _DrillJudgement(Status.PASS, msg("The restore drill passed"), Quantity(0.0, "d"))
    if verdict is DrillVerdict.FAILED:
        # The reason alone: it cannot be a part of another one, and the ladder names the step.
        first = next((result.reason for result in ladder if result.status is Status.FAIL), None)
        return _DrillJudgement(Status.FAIL, first or msg("The restore drill failed"), observed)
    found = _by_the_past(record, verdict is DrillVerdict.ERROR, limits, now, observed)
    if verdict is not DrillVerdict.ERROR or found.status is Status.FAIL:
        return found
    # Why there is no verdict, alone as above; when the last one was is the figure beside it.
    return replace(found, reason=_cause(ladder) or found.reason)


def _cause(ladder: Sequence[CheckResult]) -> Message | None:
    """Why a drill has no verdict: its first step that could not be judged and that it needs for one."""
    needed = (r for r in ladder if r.status is Status.UNKNOWN and r.check not in (MANIFEST.id, CONTENT.id))
    return next((result.reason for result in needed), None)


def _by_the_past(
    record: _Record, error: bool, limits: BackupLimits, now: datetime, observed: Quantity
) -> _DrillJudgement:
    last = record.last
    if last is None:
        return _DrillJudgement(Status.UNKNOWN, _never(error, record.errors), observed)
    if last.at - now > CLOCK_AHEAD:
        reason = msg(
            "The last restore drill is dated {at}, which is in the future: correct the clocks", at=moment(last.at)
        )
        return _DrillJudgement(Status.UNKNOWN, reason, observed)
    if last.verdict is DrillVerdict.FAILED:
        return _DrillJudgement(Status.FAIL, _bad(moment(last.at), record.errors), observed)
    if (now - last.at) / _DAY > limits.max_drill_age_days:
        return _DrillJudgement(Status.FAIL, _too_old(moment(last.at), record.errors), observed)
    if error:
        reason = msg(
            "Today's restore drill ended without a verdict; the last passed one was at {at}", at=moment(last.at)
        )
        return _DrillJudgement(Status.WARN, reason, observed)
    return _DrillJudgement(Status.PASS, _good(moment(last.at), record.errors), observed)


def _never(error: bool, errors: int) -> Message:
    if error:
        return msg("Today's restore drill ended without a verdict, and no earlier one reached a verdict")
    if errors:
        return msg("No restore drill has reached a verdict yet; {n} ended without one", n=errors)
    return msg("No restore drill has run yet: run `rounds run backup-verification`")


def _bad(at: str, errors: int) -> Message:
    if errors:
        return msg("The restore drill of {at} failed; {n} since then ended without a verdict", at=at, n=errors)
    return msg("The restore drill of {at} failed", at=at)


def _too_old(at: str, errors: int) -> Message:
    if errors:
        return msg("No passed restore drill since {at}; {n} since then ended without a verdict", at=at, n=errors)
    return msg("No passed restore drill since {at}", at=at)


def _good(at: str, errors: int) -> Message:
    if errors:
        return msg("The last passed restore drill was at {at}; {n} since then ended without a verdict", at=at, n=errors)
    return msg("The last passed restore drill was at {at}", at=at)


def _stairs(drill: Drill, ladder: Sequence[CheckResult]) -> Evidence:
    failed = [result for result in ladder if result.status is Status.FAIL]
    open_ones = any(result.status is Status.UNKNOWN for result in ladder)
    finding = _cause(ladder) or msg("Not every step could be judged") if open_ones else msg("No step failed")
    steps = tuple(LadderStep(result.title, result.status, _seconds(drill, result), result.reason) for result in ladder)
    return Ladder(msg("Steps of the restore drill"), failed[0].reason if failed else finding, steps)


def _seconds(drill: Drill, result: CheckResult) -> float | None:
    name = _STEPS.get(result.check)
    step = None if name is None else drill.step(name)
    return (
        None
        if step is None or step.outcome in (StepOutcome.NOT_REACHED, StepOutcome.SKIPPED)
        else round(step.seconds, 1)
    )


def _past(past: Sequence[PastDrill]) -> Evidence:
    newest_first = sorted(past, key=lambda one: one.at, reverse=True)[:_MOST_ROWS]
    rows = tuple(
        (
            moment(one.at),
            _WORDS[one.verdict],
            printable(one.backup),
            one.server_version,
            None if one.recovery_s is None else round(one.recovery_s, 1),
        )
        for one in newest_first
    )
    columns = (msg("Started at"), msg("Verdict"), msg("Backup"), msg("PostgreSQL"), msg("Recovery time, s"))
    return Table(msg("Recent restore drills"), columns, rows)
