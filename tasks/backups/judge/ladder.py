"""Judges a drill: each step, the restored database, and the verdict on the whole."""

from collections.abc import Sequence
from datetime import datetime

from tasks.backups.checks import CONTAINER, CONTENT, DECODE, ISOLATION, MANIFEST, NEWEST_ROW, RESTORE, SMOKE
from tasks.backups.facts import Drill, DrillStep, DrillVerdict, PastDrill, StepOutcome, StepResult
from tasks.backups.judge.restored.content import judge_content
from tasks.backups.judge.restored.counts import judge_counts
from tasks.backups.judge.restored.invariants import judge_invariants
from tasks.backups.judge.restored.newest import judge_newest_row
from tasks.backups.judge.restored.schema import judge_schema
from tasks.backups.limits import BackupLimits
from tasks.backups.reasons import not_reached
from tasks.backups.settings import BackedUp, Invariant
from tasks.check_result import Check, CheckResult, Limit, Message, Quantity, Status, Table, msg, verbatim
from tasks.observation import Unobserved

_STATUS = {
    StepOutcome.PASSED: Status.PASS,
    StepOutcome.UNCHECKED: Status.WARN,
    StepOutcome.FAILED: Status.FAIL,
    StepOutcome.SKIPPED: Status.SKIPPED,
}
_NO_FAULT = Limit("=", 0, "", msg("no faults"))
_LADDER = (
    (MANIFEST, DrillStep.MANIFEST),
    (CONTAINER, DrillStep.CONTAINER),
    (DECODE, DrillStep.DECODE),
    (RESTORE, DrillStep.RESTORE),
)
_LEFT = msg("The copy was not dropped")
_NO_HASHES = msg("Managed database: no row hashes are recorded for its snapshots")
_NO_PROGRAM = msg("No program was run on the backup")
_IN_SANDBOX = Limit("=", 0, "", msg("no program outside a sandbox"))
_NO_SMOKE = msg("`smoke` is not set in the service file")


def judge_ladder(
    subject: str,
    drill: Drill,
    target: BackedUp,
    invariants: Sequence[Invariant],
    limits: BackupLimits,
    now: datetime,
    past: Sequence[PastDrill] = (),
) -> tuple[CheckResult, ...]:
    """Every step of the ladder in its order; what was not reached is UNKNOWN. A managed copy has no files to check.

    `past` are earlier drills of the same database.
    """
    return (
        *judge_steps(subject, drill, now),
        judge_schema(subject, drill, now),
        judge_counts(subject, drill, limits, now, past),
        _judge_content(subject, drill, target, now),
        judge_invariants(subject, drill, invariants, now),
        _newest_row(subject, drill, target, limits, now, past),
        judge_smoke(subject, drill, now, wanted=target.smoke is not None),
    )


def _newest_row(
    subject: str, drill: Drill, target: BackedUp, limits: BackupLimits, now: datetime, past: Sequence[PastDrill]
) -> CheckResult:
    if target.newest_row is not None:
        return NEWEST_ROW.judged(Status.SKIPPED, subject, verbatim(target.newest_row.not_applicable), at=now)
    return judge_newest_row(subject, drill, limits, target.rpo_h, now, past)


def _judge_content(subject: str, drill: Drill, target: BackedUp, now: datetime) -> CheckResult:
    if target.copy_command is not None:
        return CONTENT.judged(Status.SKIPPED, subject, _NO_HASHES, at=now)
    return judge_content(subject, drill, target.content, now)


def judge_steps(subject: str, drill: Drill, now: datetime) -> tuple[CheckResult, ...]:
    """The steps that programs took, in the ladder's order."""
    taken = ((check, drill.step(name)) for check, name in _LADDER)
    return tuple(
        _judge_step(check, subject, step, now, drill.left_over if step.step is DrillStep.RESTORE else None)
        for check, step in taken
        if step is not None
    )


def _judge_step(check: Check, subject: str, step: StepResult, now: datetime, left_over: Message | None) -> CheckResult:
    """A damaged or wrong backup fails, what could not be checked is UNKNOWN. A copy left behind does not concern the
    backup, and is a warning: restored data is personal data.
    """
    status = _STATUS.get(step.outcome, Status.UNKNOWN)
    rest = () if left_over is None else (Table(_LEFT, (msg("Reason"),), ((left_over,),)),)
    if not status.measured:
        return check.judged(status, subject, step.reason, at=now, limit=_NO_FAULT, evidence=rest)
    if rest and status is Status.PASS:
        one, none = Quantity(1), Limit("=", 0, "", msg("no copy left behind"))
        reason = msg("The copy was restored but not dropped afterwards: drop it by hand")
        return check.judged(Status.WARN, subject, reason, at=now, observed=one, limit=none, evidence=rest)
    faults = Quantity(int(status is Status.FAIL))
    return check.judged(status, subject, step.reason, at=now, observed=faults, limit=_NO_FAULT, evidence=rest)


def judge_smoke(subject: str, drill: Drill, now: datetime, *, wanted: bool) -> CheckResult:
    """The service's own test on the restored database."""
    smoke = drill.smoke
    if not wanted:
        return SMOKE.judged(Status.SKIPPED, subject, _NO_SMOKE, at=now)
    if drill.contents is None or smoke is None:
        return SMOKE.judged(Status.UNKNOWN, subject, not_reached(drill), at=now)
    if isinstance(smoke, Unobserved):
        return SMOKE.judged(Status.UNKNOWN, subject, smoke.reason, at=now)
    limit = Limit("=", 0, "", msg("exit status of the smoke test"))
    status = Status.PASS if smoke.passed else Status.FAIL
    observed = Quantity(int(not smoke.passed))
    return SMOKE.judged(status, subject, smoke.reason, at=now, observed=observed, limit=limit)


def judge_isolation(subject: str, drill: Drill, now: datetime) -> CheckResult:
    """Whether restoring, which runs the backup's code, was kept from everything else."""
    found = drill.isolation
    if found is None:
        return ISOLATION.judged(Status.SKIPPED, subject, _NO_PROGRAM, at=now)
    status = _STATUS.get(found.outcome, Status.UNKNOWN)
    if not status.measured:
        return ISOLATION.judged(status, subject, found.reason, at=now, limit=_IN_SANDBOX)
    outside = Quantity(int(status is not Status.PASS))
    return ISOLATION.judged(status, subject, found.reason, at=now, observed=outside, limit=_IN_SANDBOX)


def verdict_of(ladder: Sequence[CheckResult]) -> DrillVerdict:
    """Failed if any step failed; an error if one could not be judged. A manifest that is not there is not part of it:
    its own result says that it is not known, and so does one of content that nobody recorded.
    """
    needed = [r for r in ladder if r.check not in (MANIFEST.id, CONTENT.id) and r.status is not Status.SKIPPED]
    if any(r.status is Status.FAIL for r in ladder):
        return DrillVerdict.FAILED
    if any(r.status is Status.UNKNOWN for r in needed) or not needed:
        return DrillVerdict.ERROR
    return DrillVerdict.PASSED
